#pragma once

#include <string>
#include <utility>
#include <vector>

namespace legrad::methods {

/// A method as it was spelled, `NAME/KEY=VALUE/KEY=VALUE`.
struct Spec {
  std::string name;
  std::vector<std::pair<std::string, std::string>> options;  ///< key and value, in the order given
};

/// Takes a spelling apart; whether name, keys and values are known is not looked at. Throws `InputError` for an option
/// that is not KEY=VALUE.
Spec take_apart(const std::string& text);

/// The methods of a comma list. An item that does not begin with a letter continues the value before it:
/// "legrad/layers=0,3,-1,rollout" is "legrad/layers=0,3,-1" and "rollout". Throws `InputError` for one that has no
/// value before it.
std::vector<std::string> split_list(const std::string& text);

/// Whether a method or an option of this name could be spelled: letters, digits and _, a letter first.
bool can_be_spelled(const std::string& name);

/// Whether it is no list but the word for several methods, "all" or "paper".
bool is_a_group(const std::string& specs);

}  // namespace legrad::methods
