// Methods chosen for one model.
#include <ATen/ops/zeros.h>
#include <legrad/error.h>
#include <legrad/methods.h>

#include <algorithm>
#include <utility>

#include "methods/spec.h"

namespace legrad {
namespace {

// Whether the method starts on the model, and what passes back by rules passes all of the model's operators.
bool has_meaning(const ChosenMethod& chosen, const Vit& vit) {
  const auto& input = *vit.structure().image;
  try {
    const auto run = chosen.method(vit.shared_structure());
    if (run->relevance()) {
      explain(vit, at::zeros({1, input.channels, input.size.height, input.size.width}), {0}, {chosen.method});
    }
    return true;
  } catch (const InputError& error) {
    if (error.reason() != Reason::kNoMeaning && error.reason() != Reason::kNoRule) throw;
    return false;
  }
}

std::vector<Method> methods_of(std::vector<ChosenMethod> chosen) {
  std::vector<Method> methods;
  methods.reserve(chosen.size());
  for (auto& each : chosen) methods.push_back(std::move(each.method));
  return methods;
}

}  // namespace

std::vector<ChosenMethod> Methods::parse_list(const std::string& text, const Vit& vit) const {
  auto chosen = parse_list(text);
  if (methods::is_a_group(text)) {
    std::erase_if(chosen, [&](const ChosenMethod& method) { return !has_meaning(method, vit); });
  }
  return chosen;
}

std::vector<Method> Methods::choose(const std::string& specs) const { return methods_of(parse_list(specs)); }

std::vector<Method> Methods::choose(const std::string& specs, const Vit& vit) const {
  return methods_of(parse_list(specs, vit));
}

}  // namespace legrad
