#pragma once

#include <ATen/core/Tensor.h>

#include <array>

namespace legrad::image {

/// A number for each of red, green and blue, as float32 [1, 3, 1, 1].
at::Tensor per_channel(const std::array<double, 3>& values);

}  // namespace legrad::image
