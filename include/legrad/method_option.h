#pragma once

#include <legrad/layers.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace legrad {

/// What an option of a method takes.
namespace takes {

struct Blocks {};  ///< some blocks, as `LayerChoice` reads them: "0,3,-1", "-4:", "all"
struct Block {};   ///< one block, counted from 0, negative from the end: "7", "-1"
struct Number {    ///< a finite number in [least, most], or in [least, most) where `below` is set
  double least = 0;
  double most = 1;
  bool below = false;
};
struct Numbers {};  ///< one or more finite numbers with commas between them: "1,0.5,2"
struct YesNo {};    ///< "yes" or "no"; also true, on, 1, false, off and 0
struct OneOf {      ///< one of these words
  std::vector<std::string> names;
};

}  // namespace takes

using OptionType = std::variant<takes::Blocks, takes::Block, takes::Number, takes::Numbers, takes::YesNo, takes::OneOf>;

/// "blocks", "block", "number", "numbers", "yes/no" or "name".
std::string type_name(const OptionType& type);

/// The same in words: "a number from 0 to below 1", "mean, max or min", ...
std::string to_string(const OptionType& type);

/// One option of a method: a row of data, from which it is read, listed and documented.
struct MethodOption {
  std::string key;  ///< letters, digits and _, a letter first
  OptionType type;
  std::string default_value;  ///< as it would be written; empty where there is none, and `meaning` says what that does
  std::string meaning;        ///< one phrase
};

/// What an option is set to.
using OptionValue = std::variant<LayerChoice, int64_t, double, std::vector<double>, bool, std::string>;

/// What the options of a method are set to: the values given, and elsewhere the defaults. Asking for an option that the
/// method does not have, for another type of value than it takes, or for a value where there is neither one given nor a
/// default, throws `InputError`.
class OptionValues {
 public:
  /// Reads values that were given as text, each with its key. Throws `InputError` for a key that is not known (the
  /// known ones are listed, nearest first) or given twice, and for a value, or default, that the option does not take.
  OptionValues(const std::string& method, const std::vector<MethodOption>& options,
               const std::vector<std::pair<std::string, std::string>>& given);

  LayerChoice blocks(const std::string& key) const;            ///< none chosen where there is neither value nor default
  std::optional<int64_t> block(const std::string& key) const;  ///< likewise empty
  std::vector<double> numbers(const std::string& key) const;   ///< likewise empty
  double number(const std::string& key) const;
  bool yes(const std::string& key) const;
  std::string name(const std::string& key) const;

  /// The values that were given, each in one spelling ("yes" for "on"), in the order of the options:
  /// "/KEY=VALUE/KEY=VALUE".
  const std::string& given() const { return given_; }

 private:
  template <class T>
  std::optional<T> get(const std::string& key) const;
  template <class T>
  T required(const std::string& key) const;

  std::string method_;
  std::map<std::string, std::optional<OptionValue>> values_;
  std::string given_;
};

}  // namespace legrad
