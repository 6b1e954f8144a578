#include <ATen/TensorOperators.h>
#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/tensor.h>
#include <legrad/image.h>

#include "image/check_image.h"
#include "image/geometry.h"
#include "image/per_channel.h"

namespace legrad {
namespace {

/// One pass of the resize, rounded to bytes (kept in float32): bicubic overshoots white and black at sharp edges.
at::Tensor pass(const at::Tensor& pixels, int64_t height, int64_t width, Preprocessing::Interpolation interpolation) {
  if (pixels.size(2) == height && pixels.size(3) == width) {
    return pixels;
  }
  const at::Tensor result = interpolation == Preprocessing::Interpolation::kBicubic
                                ? at::_upsample_bicubic2d_aa(pixels, {height, width}, /*align_corners=*/false)
                                : at::_upsample_bilinear2d_aa(pixels, {height, width}, /*align_corners=*/false);
  return result.clamp(0, 255).round();
}

/// Pixels [1, 3, H, W] to `size`: rows first, then columns, with bytes in between, as PIL does it.
at::Tensor resized_as_pil(const at::Tensor& pixels, ImageSize size, Preprocessing::Interpolation interpolation) {
  return pass(pass(pixels, pixels.size(2), size.width, interpolation), size.height, size.width, interpolation);
}

}  // namespace

at::Tensor image::per_channel(const std::array<double, 3>& values) {
  return at::tensor(at::ArrayRef<double>(values), at::kFloat).view({1, 3, 1, 1});
}

at::Tensor preprocess(const at::Tensor& image, ImageSize size, const Preprocessing& preprocessing) {
  const at::Tensor bytes = image::checked_image(image, "preprocess");
  const image::Geometry geometry = image::geometry({bytes.size(0), bytes.size(1)}, size, preprocessing);
  const at::Tensor pixels = bytes.permute({2, 0, 1}).unsqueeze(0).to(at::kFloat);
  const at::Tensor whole = resized_as_pil(pixels, geometry.resized, preprocessing.interpolation);
  // Where the part begins before the picture it is padded, elsewhere cut.
  const auto below = size.height - geometry.resized.height + geometry.top;
  const auto behind = size.width - geometry.resized.width + geometry.left;
  const at::Tensor seen =
      at::constant_pad_nd(whole, {-geometry.left, behind, -geometry.top, below}, preprocessing.fill);
  return ((seen / 255 - image::per_channel(preprocessing.mean)) / image::per_channel(preprocessing.std)).contiguous();
}

}  // namespace legrad
