#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace legrad::eval::data {

// COCO counts pixels down the columns: what is filled here is a mask bool [W, H], transposed and contiguous, in which
// pixel (row y, column x) is element x * H + y. All that these functions throw is `InputError`.

/// Adds the mask that an annotation's field 'segmentation' holds: polygons, or run lengths as numbers or as text.
void add_segmentation(const nlohmann::json& segmentation, const at::Tensor& columns);

/// Adds the inside of a polygon with the corners (x0, y0), (x1, y1), ... in pixels, where (0, 0) is the upper left
/// corner of the picture. Its edges are drawn on a grid five times as fine, a point for each step along an edge's
/// longer axis; a column of pixels is inside from where the edges cross its centre line, an odd number of times,
/// downwards. So COCO's own tools (rleFrPoly) draw them, pixel by pixel. Corners may lie outside of the picture, by no
/// more than 1000 pixels and four times its longer side.
void add_polygon(std::span<const double> corners, const at::Tensor& columns);

/// Adds runs of pixels, in turns out of the mask and in it, the first one out of it. They must make up all pixels.
void add_runs(std::span<const int64_t> counts, const at::Tensor& columns);

/// The run lengths in COCO's text: each number in groups of five bits from the lowest on, a letter 48 + group, + 32 if
/// more follow, the last group's highest bit being the sign; from the fourth number on, its difference to the number
/// two before it. None may be beyond `most`.
std::vector<int64_t> counts_in(std::string_view text, int64_t most);

}  // namespace legrad::eval::data
