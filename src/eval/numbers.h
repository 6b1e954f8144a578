#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace legrad::eval {

/// All of a tensor's numbers, in row order.
std::vector<double> numbers(const at::Tensor& tensor);

/// A number with so many decimals; "–" where it is not finite.
std::string decimals(double value, int count = 4);

/// "0.7500 ± 0.0100"; the value alone where its error is not known.
std::string with_error(double value, std::optional<double> error);

}  // namespace legrad::eval
