#pragma once

#include <ATen/core/Tensor.h>

namespace legrad::image {

/// `image` on the CPU and contiguous. Throws `InputError` unless it is RGB bytes [H, W, 3] with pixels in it.
at::Tensor checked_image(const at::Tensor& image, const char* function);

}  // namespace legrad::image
