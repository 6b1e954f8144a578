#include "methods/option_value.h"

#include <legrad/error.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "io/nearest_names.h"
#include "io/words.h"

namespace legrad {
namespace methods {
namespace {

std::optional<double> finite_number(std::string_view text) {
  const auto value = io::number<double>(io::trimmed(text));
  return value && std::isfinite(*value) ? value : std::nullopt;
}

/// Reads a value, of the type that it is called with.
struct Reader {
  const std::string& text;

  std::optional<OptionValue> operator()(const takes::Blocks& /*type*/) const {
    try {
      return LayerChoice(text);
    } catch (const InputError&) {
      return std::nullopt;  // what the option takes is said in its own words
    }
  }

  std::optional<OptionValue> operator()(const takes::Block& /*type*/) const {
    return io::number<int64_t>(io::trimmed(text));
  }

  std::optional<OptionValue> operator()(const takes::Number& type) const {
    const auto value = finite_number(text);
    if (!value || *value < type.least || *value > type.most || (type.below && *value == type.most)) return std::nullopt;
    return *value;
  }

  std::optional<OptionValue> operator()(const takes::Numbers& /*type*/) const {
    std::vector<double> values;
    for (const auto& word : io::words_between(text, ',')) {
      const auto value = finite_number(word);
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
    return values;
  }

  std::optional<OptionValue> operator()(const takes::YesNo& /*type*/) const {
    constexpr std::array kYes = {"yes", "true", "on", "1"};
    constexpr std::array kNo = {"no", "false", "off", "0"};
    const auto word = io::lower_case(std::string(io::trimmed(text)));
    if (std::ranges::find(kYes, word) != kYes.end()) return true;
    if (std::ranges::find(kNo, word) != kNo.end()) return false;
    return std::nullopt;
  }

  std::optional<OptionValue> operator()(const takes::OneOf& type) const {
    const auto found = std::ranges::find(type.names, io::trimmed(text));
    return found != type.names.end() ? std::optional<OptionValue>(*found) : std::nullopt;
  }
};

/// Writes a value.
struct Speller {
  std::string operator()(const LayerChoice& value) const { return value.text(); }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return spelled(value); }
  std::string operator()(const std::vector<double>& values) const {
    std::string text;
    for (const double value : values) text += (text.empty() ? "" : ",") + spelled(value);
    return text;
  }
  std::string operator()(bool value) const { return value ? "yes" : "no"; }
  std::string operator()(const std::string& value) const { return value; }
};

}  // namespace

std::optional<OptionValue> read_value(const OptionType& type, const std::string& text) {
  return std::visit(Reader{text}, type);
}

std::string spelled(const OptionValue& value) { return std::visit(Speller{}, value); }

std::string spelled(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace methods
}  // namespace legrad
