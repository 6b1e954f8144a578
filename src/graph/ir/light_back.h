#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace legrad::graph {

// Operators as LibTorch has them, with a way back that is cheap to go more than once, as it is for several targets.

/// GELU. The second cotangent and those after it are multiplied with its slope, which is kept.
at::Tensor gelu(const at::Tensor& input, const std::string& approximate);

/// The mean over some dimensions. What passes back, being the same for all that went into one mean, is not written out.
at::Tensor mean(const at::Tensor& input, at::IntArrayRef dims, bool keepdim);

}  // namespace legrad::graph
