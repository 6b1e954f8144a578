#include "apps/options/values.h"

#include <legrad/error.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "io/words.h"

namespace legrad::apps {
namespace {

constexpr std::array kDtypes = {
    std::pair{"float32", at::kFloat},
    std::pair{"bfloat16", at::kBFloat16},
    std::pair{"float16", at::kHalf},
    std::pair{"float64", at::kDouble},
};

}  // namespace

ImageSize parse_size(const std::string& option, const std::string& text) {
  constexpr int64_t kMaxSide = 1 << 14;
  const size_t cross = std::min(text.find('x'), text.size());
  const auto height = io::number<int64_t>(std::string_view(text).substr(0, cross));
  const auto width = io::number<int64_t>(std::string_view(text).substr(std::min(cross + 1, text.size())));
  const auto fits = [](const std::optional<int64_t>& side) { return side && *side >= 1 && *side <= kMaxSide; };
  if (!fits(height) || !fits(width)) {
    throw InputError(option + " '" + text + "' is no size; give height and width as in 224x224, each 1 to " +
                     std::to_string(kMaxSide));
  }
  return {*height, *width};
}

std::array<int64_t, 2> parse_place(const std::string& option, const std::string& text) {
  const size_t comma = std::min(text.find(','), text.size());
  const auto row = io::number<int64_t>(std::string_view(text).substr(0, comma));
  const auto column = io::number<int64_t>(std::string_view(text).substr(std::min(comma + 1, text.size())));
  if (!row || !column || *row < 0 || *column < 0) {
    throw InputError(option + " '" + text + "' is no place; give row and column, counted from 0, as in 3,5");
  }
  return {*row, *column};
}

std::array<double, 3> parse_channels(const std::string& option, const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += word + " ";
  }
  std::ranges::replace(text, ',', ' ');

  std::vector<double> values;
  for (std::string_view rest = text; rest.find_first_not_of(' ') != std::string_view::npos;) {
    rest.remove_prefix(rest.find_first_not_of(' '));
    const size_t end = std::min(rest.find(' '), rest.size());
    values.push_back(io::number<double>(rest.substr(0, end)).value_or(NAN));
    rest.remove_prefix(end);
  }
  if (values.size() != 3 || !std::ranges::all_of(values, [](double value) { return std::isfinite(value); })) {
    throw InputError(option + " must be three numbers, for red, green and blue, as in 0.5,0.5,0.5");
  }
  return {values[0], values[1], values[2]};
}

c10::ScalarType parse_dtype(const std::string& text) {
  for (const auto& [name, dtype] : kDtypes) {
    if (text == name) {
      return dtype;
    }
  }
  throw InputError("--dtype '" + text + "' is unknown; choose float32, bfloat16, float16 or float64");
}

std::string dtype_name(c10::ScalarType dtype) {
  for (const auto& [name, type] : kDtypes) {
    if (type == dtype) {
      return name;
    }
  }
  return c10::toString(dtype);
}

}  // namespace legrad::apps
