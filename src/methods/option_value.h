#pragma once

#include <legrad/method_option.h>

#include <optional>
#include <string>

namespace legrad::methods {

/// The value that `text` is for an option that takes `type`; nothing where it is none.
std::optional<OptionValue> read_value(const OptionType& type, const std::string& text);

/// The one spelling of a value, which `read_value` reads.
std::string spelled(const OptionValue& value);

/// The shortest decimal number that is read as `value`.
std::string spelled(double value);

}  // namespace legrad::methods
