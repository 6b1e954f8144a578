#include "eval/numbers.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace legrad::eval {

std::vector<double> numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kCPU, at::kDouble).flatten().contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

std::string decimals(double value, int count) {
  if (!std::isfinite(value)) return "–";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f", count, value);
  return text.data();
}

std::string with_error(double value, std::optional<double> error) {
  return error && std::isfinite(value) ? decimals(value) + " ± " + decimals(*error) : decimals(value);
}

}  // namespace legrad::eval
