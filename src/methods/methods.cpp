#include <legrad/error.h>
#include <legrad/methods.h>

#include <algorithm>
#include <array>
#include <utility>

#include "io/nearest_names.h"
#include "io/words.h"
#include "methods/spec.h"

namespace legrad {
namespace {

std::string unknown(const std::string& name, const std::vector<std::string>& names) {
  return "unknown method '" + name +
         "'; the known ones, the nearest first: " + io::joined(io::nearest_names(name, names, names.size()));
}

void check_spelling(const MethodRow& row) {
  if (row.name.empty()) throw InputError("a method needs a name");
  if (!methods::can_be_spelled(row.name) || methods::is_a_group(row.name)) {
    throw InputError("a method cannot be called '" + row.name +
                     "'; a name is letters, digits and _, a letter first, and \"all\" and \"paper\" mean several");
  }
  for (const auto& option : row.options) {
    if (!methods::can_be_spelled(option.key)) {
      throw InputError("method '" + row.name + "': an option cannot be called '" + option.key +
                       "'; a name is letters, digits and _, a letter first");
    }
    if (std::ranges::count(row.options, option.key, &MethodOption::key) > 1) {
      throw InputError("method '" + row.name + "' has two options '" + option.key + "'");
    }
  }
}

// Of LeGrad's paper, in the order of its tables.
constexpr std::array kPaper = {"legrad",   "grad_cam",   "attention_cam",           "raw_attention",
                               "rollout",  "chefer_cam", "transformer_attribution", "partial_lrp",
                               "text_span"};

}  // namespace

void Methods::add(MethodRow row) {
  check_spelling(row);
  if (std::ranges::find(rows_, row.name, &MethodRow::name) != rows_.end()) {
    throw InputError("there is a method '" + row.name + "' already");
  }
  if (!row.make) throw InputError("method '" + row.name + "' has nothing that makes it");
  (void)OptionValues(row.name, row.options, {});  // reads the defaults
  rows_.push_back(std::move(row));
}

ChosenMethod Methods::parse(const std::string& text) const {
  const auto spec = methods::take_apart(text);
  const auto row = std::ranges::find(rows_, spec.name, &MethodRow::name);
  if (row == rows_.end()) throw InputError(unknown(spec.name, names()));
  OptionValues values(row->name, row->options, spec.options);
  auto method = row->make(values);
  return {row->name,         row->title,       row->name + values.given(), row->looks_at_target,
          std::move(values), std::move(method)};
}

std::vector<std::string> Methods::specs_of(const std::string& text) const {
  if (text == "paper") return {kPaper.begin(), kPaper.end()};
  return text == "all" ? names() : methods::split_list(text);
}

std::vector<ChosenMethod> Methods::parse_list(const std::string& text) const {
  std::vector<ChosenMethod> chosen;
  for (const auto& spec : specs_of(text)) {
    auto method = parse(spec);
    if (std::ranges::find(chosen, method.spec, &ChosenMethod::spec) != chosen.end()) {
      throw InputError("method '" + method.spec + "' is given twice; give it once, or with other options");
    }
    chosen.push_back(std::move(method));
  }
  return chosen;
}

Method Methods::get(const std::string& spec) const { return parse(spec).method; }

std::vector<std::string> Methods::names() const {
  std::vector<std::string> names;
  names.reserve(rows_.size());
  for (const auto& row : rows_) names.push_back(row.name);
  return names;
}

std::vector<std::string> headings(const std::vector<ChosenMethod>& methods) {
  std::vector<std::string> headings;
  headings.reserve(methods.size());
  for (const auto& method : methods) {
    const bool once = std::ranges::count(methods, method.name, &ChosenMethod::name) == 1;
    headings.push_back(once ? method.title : method.spec);
  }
  return headings;
}

}  // namespace legrad
