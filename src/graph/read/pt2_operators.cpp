#include "graph/read/pt2_operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <legrad/error.h>

#include <map>
#include <string_view>

namespace legrad::graph {

OperatorName operator_name(const std::string& target) {
  constexpr std::string_view kPrefix = "torch.ops.";
  const auto refuse = [&](const std::string& why) {
    throw ModelError("refused " + target + ": " + why, Reason::kNotAllowed);
  };
  if (target.rfind(kPrefix, 0) != 0) refuse("it is no torch operator");
  const auto rest = target.substr(kPrefix.size());
  const auto space_end = rest.find('.');
  const auto name_end = rest.rfind('.');
  const auto space = rest.substr(0, space_end);
  if (space == "higher_order")
    refuse("a higher-order operator holds graphs of its own; export a model without control flow");
  if (space_end == std::string::npos || name_end == space_end) refuse("it is no torch operator");
  if (space.starts_with("quantized") || space == "torchao") {
    throw ModelError(
        "refused " + target +
            ": quantised models are not supported as .pt2, only int8 weights of linear layers as TorchScript "
            "(torch.ao.quantization.quantize_dynamic, then torch.jit.trace); or export before quantising",
        Reason::kQuantised);
  }
  if (space != "aten") refuse("expected operators of aten alone");
  const auto overload = rest.substr(name_end + 1);
  return {space + "::" + rest.substr(space_end + 1, name_end - space_end - 1), overload == "default" ? "" : overload};
}

std::string size_operator(const std::string& target) {
  static const std::map<std::string, std::string> kNames = {
      {"truediv", "div"},   {"pow", "pow"}, {"add", "add"}, {"sub", "sub"}, {"mul", "mul"}, {"floordiv", "floordiv"},
      {"mod", "remainder"}, {"neg", "neg"}, {"eq", "eq"},   {"ne", "ne"},   {"lt", "lt"},   {"le", "le"},
      {"gt", "gt"},         {"ge", "ge"}};
  constexpr std::string_view kPrefix = "_operator.";
  if (target.rfind(kPrefix, 0) != 0) return {};
  const auto found = kNames.find(target.substr(kPrefix.size()));
  return found == kNames.end() ? std::string() : "aten::" + found->second;
}

bool writes(const std::string& target) {
  if (target.rfind("torch.ops.", 0) != 0) return false;
  if (target.rfind("torch.ops.aten.", 0) != 0) return true;  // who knows; refused when it is read
  const auto [name, overload] = operator_name(target);
  const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  return found && found->schema().is_mutable();
}

void refuse_arguments(const std::string& target) {
  throw ModelError("refused " + target + ": its arguments do not fit it", Reason::kDamaged);
}

}  // namespace legrad::graph
