#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace legrad::image {

/// A picture of bytes, RGB [H, W, 3] or RGBA [H, W, 4], in the format of an extension (".png", ".jpg", ...). Empty
/// where no format has it.
std::string encoded(const std::string& extension, const at::Tensor& picture);

/// A heatmap [H, W] in [0, 1] as RGBA bytes [H, W, 4]: its colour, as opaque as it is hot.
at::Tensor heat_colours(const at::Tensor& heatmap);

}  // namespace legrad::image
