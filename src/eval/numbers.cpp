#include "eval/numbers.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace legrad::eval {

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
