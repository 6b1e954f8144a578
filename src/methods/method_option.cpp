#include <legrad/error.h>
#include <legrad/method_option.h>

#include <algorithm>

#include "io/nearest_names.h"
#include "io/words.h"
#include "methods/option_value.h"

namespace legrad {
namespace {

std::string unknown(const std::string& method, const std::string& key, const std::vector<MethodOption>& options) {
  const std::string what = "method '" + method + "' has no option '" + key + "'";
  if (options.empty()) return what + "; it has none";
  std::vector<std::string> keys;
  for (const auto& option : options) keys.push_back(option.key);
  return what + "; the known ones, the nearest first: " + io::joined(io::nearest_names(key, keys, keys.size()));
}

}  // namespace

OptionValues::OptionValues(const std::string& method, const std::vector<MethodOption>& options,
                           const std::vector<std::pair<std::string, std::string>>& given)
    : method_(method) {
  for (const auto& [key, value] : given) {
    if (std::ranges::find(options, key, &MethodOption::key) == options.end()) {
      throw InputError(unknown(method, key, options));
    }
    if (std::ranges::count(given, key, &std::pair<std::string, std::string>::first) > 1) {
      throw InputError("method '" + method + "': option '" + key + "' is given twice; give it once");
    }
  }
  for (const auto& option : options) {
    const auto found = std::ranges::find(given, option.key, &std::pair<std::string, std::string>::first);
    const auto read = [&](const std::string& text) {
      auto value = methods::read_value(option.type, text);
      if (!value) {
        throw InputError(method + "/" + option.key + "=" + text + ": " + option.key + " takes " +
                         to_string(option.type));
      }
      return value;
    };
    auto& value = values_[option.key];
    if (found != given.end()) {
      value = read(found->second);
      given_ += "/" + option.key + "=" + methods::spelled(*value);
    } else if (!option.default_value.empty()) {
      value = read(option.default_value);
    }
  }
}

template <class T>
std::optional<T> OptionValues::get(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) throw InputError("method '" + method_ + "' asks for an option '" + key + "' it has not");
  if (!found->second) return std::nullopt;
  if (const auto* value = std::get_if<T>(&*found->second)) return *value;
  throw InputError("method '" + method_ + "' asks for another type of option '" + key + "' than it takes");
}

template <class T>
T OptionValues::required(const std::string& key) const {
  if (auto value = get<T>(key)) return *std::move(value);
  throw InputError("method '" + method_ + "' needs option '" + key + "', which has no default; give it a value");
}

LayerChoice OptionValues::blocks(const std::string& key) const { return get<LayerChoice>(key).value_or(LayerChoice()); }

std::optional<int64_t> OptionValues::block(const std::string& key) const { return get<int64_t>(key); }

std::vector<double> OptionValues::numbers(const std::string& key) const {
  return get<std::vector<double>>(key).value_or(std::vector<double>());
}

double OptionValues::number(const std::string& key) const { return required<double>(key); }

bool OptionValues::yes(const std::string& key) const { return required<bool>(key); }

std::string OptionValues::name(const std::string& key) const { return required<std::string>(key); }

}  // namespace legrad
