#include <ATen/Functions.h>
#include <legrad/error.h>
#include <legrad/rules.h>

#include <utility>

#include "graph/ir/ir.h"

namespace legrad {

std::optional<size_t> Call::place(const char* name) const {
  const auto& arguments = node_->schema().arguments();
  for (size_t i = 0; i < arguments.size() && i < arguments_.size(); ++i) {
    if (arguments[i].name() == name) return i;
  }
  return std::nullopt;
}

bool Call::has(const char* name) const {
  const auto at = place(name);
  if (!at || arguments_[*at].isNone()) return false;
  return !arguments_[*at].isTensor() || arguments_[*at].toTensor().defined();
}

const c10::IValue& Call::argument(const char* name) const {
  const auto at = place(name);
  if (!at) throw std::logic_error(graph::describe(node_) + " has no argument " + name);
  return arguments_[*at];
}

at::Tensor Call::number(const char* name) const {
  const auto& value = argument(name);
  return value.isTensor() ? value.toTensor() : at::scalar_tensor(value.toScalar(), results_.at(0).options());
}

bool Call::follows(const char* name) const {
  const auto at = place(name);
  return at && follows_[*at];
}

void Call::refuse(const std::string& why) const {
  throw InputError(graph::describe(node_) + ": " + why + "; choose another method", Reason::kNoRule);
}

Rules Rules::with(std::string new_name, const std::map<std::string, Rule>& other) const {
  Rules made = *this;
  made.name = std::move(new_name);
  for (const auto& [name, rule] : other) made.rows[name] = rule;
  return made;
}

}  // namespace legrad
