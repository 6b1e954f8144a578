#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace legrad::graph {

/// x Wᵀ + b, as `at::linear`. One row alone is a product of a matrix and a vector, which CPU libraries compute on one
/// core; here it becomes a batch of such products over slices of W's rows, on all cores.
at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias);

}  // namespace legrad::graph
