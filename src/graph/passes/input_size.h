#pragma once

#include <legrad/structure.h>

#include <optional>
#include <vector>

#include "graph/ir/line.h"
#include "graph/ir/source.h"

namespace legrad::graph {

/// What the file tells of the input; if nothing, what a model's patch embedding (the first convolution the images meet,
/// or the first linear layer over unfolded patches, c·p² numbers each) and position embedding (a weight [1, N, d] or
/// [N, d], or [1, rows, columns, d], whose d is the patch embedding's) tell of its input.
struct InputHint {
  bool patches = false;  ///< whether there is a convolution at all
  int64_t batch = 0;     ///< images in the example that the file was exported with; 0: not told
  int64_t channels = 3;
  bool guessed = false;               ///< the file tells no size: the candidates are squares that fit its weights
  std::vector<ImageSize> candidates;  ///< the likeliest first; empty where nothing tells
};

/// Reads the hint from a model's graph and weights, without running it.
InputHint input_hint(const Source& source);

/// How many entries the smallest table has that a line looks its input up in: ids are below it. 0 where there is none.
int64_t vocabulary(const StraightLine& line);

}  // namespace legrad::graph
