#pragma once

#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/methods/attention_cam.h>
#include <legrad/methods/attn_lrp.h>
#include <legrad/methods/chefer_cam.h>
#include <legrad/methods/gem.h>
#include <legrad/methods/grad_cam.h>
#include <legrad/methods/grad_eclip.h>
#include <legrad/methods/legrad.h>
#include <legrad/methods/partial_lrp.h>
#include <legrad/methods/raw_attention.h>
#include <legrad/methods/rollout.h>
#include <legrad/methods/text_span.h>
#include <legrad/methods/transformer_attribution.h>

#include <string>
#include <vector>

namespace legrad {

/// A method that was chosen, with its options.
struct ChosenMethod {
  std::string name;   ///< of its row
  std::string title;  ///< of its row
  std::string spec;   ///< `NAME/KEY=VALUE/...` of the options that were given, in one spelling
  bool looks_at_target = true;
  OptionValues values;
  Method method;
};

/// Methods by name. A value: copies are independent, and nothing registers itself.
///
/// A method is spelled `NAME/KEY=VALUE/KEY=VALUE`, as in `legrad/readout=token_mean/layers=-4:`. In a comma list, an
/// item that does not begin with a letter continues the value before it: `legrad/layers=0,3,-1,rollout` is two methods.
class Methods {
 public:
  /// Throws `InputError` for a name that is empty, taken, or could not be spelled; for options likewise, and for
  /// defaults that they do not take.
  void add(MethodRow row);

  /// Reads one method. Throws `InputError` for an unknown method or option (the known ones are listed, nearest first),
  /// an option that is given twice or without a value, a value of another kind or out of range, and values that do not
  /// go together.
  ChosenMethod parse(const std::string& spec) const;

  /// Reads a comma list, "all": every method with its defaults, or "paper": the nine that LeGrad's paper compares.
  /// Throws `InputError` as `parse` does, and where the same method stands twice with the same options.
  std::vector<ChosenMethod> parse_list(const std::string& specs) const;

  /// The same for one model: "all" and "paper" are those of them that have a meaning for it, and rules for its
  /// operators, which is found by trying.
  std::vector<ChosenMethod> parse_list(const std::string& specs, const Vit& vit) const;

  /// The same, as `explain` takes them.
  Method get(const std::string& spec) const;
  std::vector<Method> choose(const std::string& specs) const;
  std::vector<Method> choose(const std::string& specs, const Vit& vit) const;

  /// In the order in which they were added.
  const std::vector<MethodRow>& rows() const { return rows_; }
  std::vector<std::string> names() const;

 private:
  std::vector<std::string> specs_of(const std::string& specs) const;

  std::vector<MethodRow> rows_;
};

/// What to write above the maps of each: its title, or where the same method was chosen more than once its spec.
std::vector<std::string> headings(const std::vector<ChosenMethod>& methods);

/// Those of the paper: "legrad", "grad_cam", "attention_cam", "raw_attention", "rollout", "chefer_cam",
/// "transformer_attribution", "partial_lrp", "text_span"; and "attn_lrp", "grad_eclip", "gem".
Methods built_in_methods();

/// Every method and its options in lines of text: name, title, source; key, what it takes, default, meaning.
std::string methods_text(const Methods& methods);

/// The same as one JSON array: [{"name", "title", "source", "explains", "looks_at_target", "options": [{"key", "type",
/// "default", "meaning", and "least", "most", "most_included" of a number, "names" of a name}]}]; "default" is null
/// where there is none.
std::string methods_json(const Methods& methods);

}  // namespace legrad
