#pragma once

#include <legrad/structure.h>
#include <torch/csrc/jit/api/module.h>

#include <optional>
#include <vector>

namespace legrad::graph {

/// What a module's patch embedding (the first convolution the images meet) and position embedding (a weight [1, N, d] or
/// [N, d] whose d is the convolution's) tell of its input.
struct InputHint {
  bool patches = false;  ///< whether there is a convolution at all
  int64_t channels = 3;
  std::vector<ImageSize> candidates;  ///< the likeliest first; empty where nothing tells
};

/// Reads the hint from a module's graph and weights, without running it.
InputHint input_hint(const torch::jit::Module& module);

}  // namespace legrad::graph
