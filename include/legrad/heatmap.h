#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/structure.h>

namespace legrad {

/// Min-max of each map of [..., H, W] to [0, 1], in its own dtype. A flat map, or one that holds no finite number, is all
/// zeros: never NaN.
at::Tensor normalized(const at::Tensor& maps);

/// Bilinear resize (align_corners = false) of maps [B, K, h, w] (or [K, h, w], [h, w]) to `size`.
at::Tensor resized(const at::Tensor& maps, ImageSize size);

}  // namespace legrad
