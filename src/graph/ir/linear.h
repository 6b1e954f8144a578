#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace legrad::graph {

/// x Wᵀ + b, as `at::linear`. Of a few rows that is the reading of W and little else, which CPU libraries do on one
/// core; here it becomes a batch of products with slices of W's rows, on all cores.
at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias);

/// y W: what a cotangent y of its output says of its input.
at::Tensor linear_back(const at::Tensor& cotangent, const at::Tensor& weight);

}  // namespace legrad::graph
