#pragma once

#include <legrad/structure.h>

#include "graph/ir/source.h"

namespace legrad::graph {

/// How the rows of a position embedding belong to the tokens: those of the patches, row by row, behind `before` others.
struct PositionLayout {
  PatchGrid grid;
  int64_t before = 0;
  int64_t after = 0;
  int64_t width = 0;
};

/// A copy of a straight line for another grid: the position embedding (a constant [N, d], [n, d] or [1, d, rows,
/// columns] that is added to the tokens before the first attention) is resampled, bicubic with antialiasing, as timm
/// and open_clip do; rows of tokens that are no patches stay as they are. Sizes that the model computes for itself are
/// left to it.
Source with_positions(const Source& line, const PositionLayout& layout, PatchGrid grid);

}  // namespace legrad::graph
