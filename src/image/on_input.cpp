#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/image.h>

#include <algorithm>
#include <cmath>

#include "image/geometry.h"

namespace legrad {
namespace {

/// For each of `model` pixels along a side the picture's pixel that its middle falls on; -1 beside the picture.
at::Tensor pixels_along(int64_t picture, int64_t resized, int64_t offset, int64_t model) {
  const at::Tensor middle = at::arange(offset, offset + model, at::kDouble) + 0.5;
  const at::Tensor pixel = at::floor(middle * (static_cast<double>(picture) / static_cast<double>(resized)));
  return at::where((pixel >= 0).logical_and(pixel < picture), pixel, -1).to(at::kLong);
}

int64_t pixel_at(double place, int64_t resized, int64_t offset) {
  return static_cast<int64_t>(std::floor(place * static_cast<double>(resized))) - offset;
}

}  // namespace

at::Tensor on_input(const at::Tensor& mask, ImageSize size, const Preprocessing& preprocessing) {
  if (mask.dim() != 2 || mask.scalar_type() != at::kBool) {
    throw InputError(c10::str("on_input: expected a mask [H, W] of type bool, got ", mask.scalar_type(), " of shape ",
                              mask.sizes()));
  }
  const image::Geometry geometry = image::geometry({mask.size(0), mask.size(1)}, size, preprocessing);
  const at::Tensor rows = pixels_along(mask.size(0), geometry.resized.height, geometry.top, size.height);
  const at::Tensor columns = pixels_along(mask.size(1), geometry.resized.width, geometry.left, size.width);
  const at::Tensor seen = mask.index_select(0, rows.clamp_min(0)).index_select(1, columns.clamp_min(0));
  return seen.logical_and((rows >= 0).unsqueeze(1)).logical_and((columns >= 0).unsqueeze(0)).contiguous();
}

std::optional<std::array<int64_t, 2>> on_input(double x, double y, ImageSize picture, ImageSize size,
                                               const Preprocessing& preprocessing) {
  const image::Geometry geometry = image::geometry(picture, size, preprocessing);
  const int64_t row = pixel_at(y, geometry.resized.height, geometry.top);
  const int64_t column = pixel_at(x, geometry.resized.width, geometry.left);
  const bool inside =
      x >= 0 && x <= 1 && y >= 0 && y <= 1 && row >= 0 && row <= size.height && column >= 0 && column <= size.width;
  if (!inside) return std::nullopt;
  return std::array{std::min(row, size.height - 1), std::min(column, size.width - 1)};
}

}  // namespace legrad
