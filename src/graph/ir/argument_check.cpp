#include "graph/ir/argument_check.h"

#include <ATen/Functions.h>
#include <legrad/error.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

namespace legrad::graph {
namespace {

using Arguments = std::vector<c10::IValue>;

[[noreturn]] void refuse(const Node* node, const std::string& why) {
  throw ModelError("refused " + describe(node) + ": " + why, Reason::kNotAllowed);
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whole numbers: a division by 0 stops the process, and so does the least of them by -1.
void check_divisor(const Node* node, const Arguments& arguments) {
  if (arguments.size() < 2) return;
  const auto& divisor = arguments[1];
  bool bad = divisor.isInt() && (divisor.toInt() == 0 || divisor.toInt() == -1);
  if (divisor.isTensor() && divisor.toTensor().defined() && divisor.toTensor().device().is_cpu() &&
      at::isIntegralType(divisor.toTensor().scalar_type(), /*includeBool=*/false)) {
    const auto& values = divisor.toTensor();
    bad = values.eq(0).logical_or(values.eq(-1)).any().item<bool>();
  }
  const auto is_whole = [](const c10::IValue& value) {
    return value.isInt() || (value.isTensor() && value.toTensor().defined() &&
                             at::isIntegralType(value.toTensor().scalar_type(), /*includeBool=*/false));
  };
  if (bad && is_whole(arguments[0])) refuse(node, "it divides whole numbers by 0 or -1");
}

// A factor between sizes is trusted: far from the sizes it stands for, it leads to pixels that are not there.
void check_factors(const Node* node, const Arguments& arguments) {
  constexpr double kMost = 1024;
  const auto check = [&](double factor) {
    if (!(factor >= 1 / kMost && factor <= kMost)) refuse(node, "a factor of " + std::to_string(factor));
  };
  for (const auto& argument : arguments) {
    if (argument.isDouble()) check(argument.toDouble());
    if (argument.isDoubleList()) {
      for (const double factor : argument.toDoubleVector()) check(factor);
    }
  }
}

// How often each element is repeated may stand in a tensor, which no shape tells.
void check_repeats(const Node* node, const Arguments& arguments, int64_t most) {
  const auto& repeats = arguments.size() > 1 && arguments[1].isTensor() ? arguments[1] : arguments[0];
  if (arguments.size() > 1 && arguments[1].isInt()) return;
  const auto& counts = repeats.toTensor();
  const auto largest = counts.numel() == 0 ? 0.0 : counts.max().item<double>();
  double others = 1;
  if (arguments.size() > 1 && arguments[1].isTensor()) {
    others = static_cast<double>(std::max<int64_t>(arguments[0].toTensor().numel(), 1));
  } else {
    others = static_cast<double>(std::max<int64_t>(counts.numel(), 1));
  }
  if (largest * others > static_cast<double>(most)) refuse(node, "it repeats more than memory holds");
}

// Weights and statistics are read by channel.
void check_channels(const Node* node, const Arguments& arguments) {
  const auto& input = arguments.at(0).toTensor();
  if (input.dim() < 2) refuse(node, "its input has no channels");
  for (size_t i = 1; i < arguments.size() && i <= 4; ++i) {
    if (!arguments[i].isTensor() || !arguments[i].toTensor().defined()) continue;
    if (arguments[i].toTensor().numel() != input.size(1)) refuse(node, "it has not one number for each channel");
  }
}

// The sizes are told twice.
void check_group_sizes(const Node* node, const Arguments& arguments) {
  const auto numbers = static_cast<double>(arguments.at(3).toInt()) * static_cast<double>(arguments.at(4).toInt()) *
                       static_cast<double>(arguments.at(5).toInt());
  const bool fit = numbers == static_cast<double>(arguments[0].toTensor().numel()) && arguments.at(6).toInt() > 0;
  if (!fit) refuse(node, "its sizes are not those of its input");
}

void check_heads(const Node* node, const Arguments& arguments) {
  if (arguments.at(4).toInt() < 1) refuse(node, "it has no heads");
}

// TorchScript has numbers in the place of types and layouts, and operators look tables up with them.
void check_types(const Node* node, const Arguments& arguments) {
  const auto* schema = node->maybeSchema();
  if (schema == nullptr) return;
  const auto holds = [&](std::string_view name, int64_t number) {
    if (name == "layout") return number == static_cast<int64_t>(c10::Layout::Strided);
    if (name == "memory_format") return number >= 0 && number < static_cast<int64_t>(c10::MemoryFormat::NumOptions);
    if (name != "dtype") return true;
    return number >= 0 && number < static_cast<int64_t>(c10::ScalarType::Undefined) &&
           !c10::isQIntType(static_cast<c10::ScalarType>(number));
  };
  for (size_t i = 0; i < std::min(arguments.size(), schema->arguments().size()); ++i) {
    const auto& name = schema->arguments()[i].name();
    if (arguments[i].isInt() && !holds(name, arguments[i].toInt())) {
      refuse(node, "there is no " + name + " of number " + std::to_string(arguments[i].toInt()));
    }
  }
}

}  // namespace

void check_arguments(const Node* node, const Arguments& arguments, int64_t most_elements) {
  if (!node->kind().is_aten()) return;
  check_types(node, arguments);
  std::string_view name = node->kind().toUnqualString();
  if (name.ends_with('_') && !name.ends_with("__")) name.remove_suffix(1);
  if (is_one_of(name, {"remainder", "floordiv", "floor_divide", "fmod", "div", "divide"}))
    check_divisor(node, arguments);
  if (name.starts_with("upsample_") || name.starts_with("_upsample_")) check_factors(node, arguments);
  if (name == "repeat_interleave") check_repeats(node, arguments, most_elements);
  if (is_one_of(name, {"native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training"})) {
    check_channels(node, arguments);
  }
  if (name == "native_group_norm") check_group_sizes(node, arguments);
  if (name == "_native_multi_head_attention") check_heads(node, arguments);
}

}  // namespace legrad::graph
