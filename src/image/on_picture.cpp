#include <ATen/ops/constant_pad_nd.h>
#include <legrad/heatmap.h>
#include <legrad/image.h>

#include <algorithm>
#include <cmath>

#include "image/geometry.h"

namespace legrad {
namespace {

/// First and last-plus-one pixel of a picture's side that the model saw.
struct Span {
  int64_t first = 0;
  int64_t end = 0;
  int64_t length() const { return end - first; }
};

Span seen(int64_t picture, int64_t resized, int64_t offset, int64_t model) {
  const double scale = static_cast<double>(picture) / static_cast<double>(resized);
  const int64_t first = std::clamp<int64_t>(std::llround(static_cast<double>(offset) * scale), 0, picture - 1);
  const int64_t end =
      std::clamp<int64_t>(std::llround(static_cast<double>(offset + model) * scale), first + 1, picture);
  return {first, end};
}

}  // namespace

at::Tensor on_picture(const at::Tensor& maps, ImageSize picture, ImageSize size, const Preprocessing& preprocessing) {
  const image::Geometry geometry = image::geometry(picture, size, preprocessing);
  if (geometry.top < 0 || geometry.left < 0) {
    const auto whole = resized(maps, {size.height, size.width});
    const auto part =
        whole.narrow(-2, -geometry.top, geometry.resized.height).narrow(-1, -geometry.left, geometry.resized.width);
    return resized(part, {picture.height, picture.width});
  }
  const Span rows = seen(picture.height, geometry.resized.height, geometry.top, size.height);
  const Span columns = seen(picture.width, geometry.resized.width, geometry.left, size.width);
  return at::constant_pad_nd(resized(maps, {rows.length(), columns.length()}),
                             {columns.first, picture.width - columns.end, rows.first, picture.height - rows.end});
}

}  // namespace legrad
