#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/structure.h>

namespace legrad {

/// Min-max of each map of [..., H, W] to [0, 1], in its own dtype: the least finite value becomes 0, the greatest 1.
/// Never NaN: a flat map, or one without a finite number, is all zeros; in any other map NaN and -inf become 0, +inf 1.
/// Throws `InputError` for integers or fewer than two dimensions.
at::Tensor normalized(const at::Tensor& maps);

/// Bilinear resize (align_corners = false) of maps [..., h, w] to [..., size.height, size.width], in their own dtype.
/// Throws `InputError` for integers, fewer than two dimensions or an empty size.
at::Tensor resized(const at::Tensor& maps, ImageSize size);

}  // namespace legrad
