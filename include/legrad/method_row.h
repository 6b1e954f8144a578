#pragma once

#include <legrad/explain.h>
#include <legrad/method_option.h>

#include <functional>
#include <string>
#include <vector>

namespace legrad {

/// All that is said about a method in one place. Help texts, lists, documentation and the spelling
/// `NAME/KEY=VALUE/KEY=VALUE` come from these rows.
struct MethodRow {
  std::string name;             ///< letters, digits and _, a letter first: "raw_attention"
  std::string title;            ///< as a figure's heading: "Raw Attention"
  std::string source;           ///< the paper, and the equation in it
  std::string explains;         ///< one phrase: "the last attention, the mean of its heads"
  bool looks_at_target = true;  ///< whether its maps depend on the target
  std::vector<MethodOption> options = {};
  /// The method with its options set. Throws `InputError` for values that do not go together.
  std::function<Method(const OptionValues&)> make;
};

}  // namespace legrad
