#include "graph/ir/operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/linspace.h>
#include <legrad/error.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <string_view>
#include <unordered_set>

#include "graph/ir/allowed_names.h"
#include "graph/ir/argument_check.h"

namespace legrad::graph {
namespace {

using c10::IValue;
using Stack = std::vector<IValue>;

// Instructions of the interpreter that carry or take apart values, and the arithmetic of numbers.
bool is_plain_primitive(const Node* node) {
  static const std::unordered_set<std::string_view> names = {"Constant",
                                                             "GetAttr",
                                                             "If",
                                                             "Loop",
                                                             "ListConstruct",
                                                             "TupleConstruct",
                                                             "DictConstruct",
                                                             "ListUnpack",
                                                             "TupleUnpack",
                                                             "TupleIndex",
                                                             "TupleSlice",
                                                             "NumToTensor",
                                                             "RaiseException",
                                                             "Uninitialized",
                                                             "unchecked_cast",
                                                             "unchecked_unwrap_optional",
                                                             "dtype",
                                                             "device",
                                                             "layout",
                                                             "is_cuda",
                                                             "is_cpu",
                                                             "is_nested",
                                                             "requires_grad",
                                                             "data",
                                                             "min",
                                                             "max",
                                                             "abs",
                                                             "isinstance",
                                                             "Print",
                                                             "shape",
                                                             "type",
                                                             "AutogradAnyNonZero",
                                                             "tolist",
                                                             "is_mkldnn",
                                                             "is_quantized",
                                                             "is_sparse",
                                                             "is_meta",
                                                             "is_xpu",
                                                             "is_mps",
                                                             "grad",
                                                             "itemsize",
                                                             "name",
                                                             "index"};
  return names.count(node->kind().toUnqualString()) > 0;
}

std::optional<c10::OperatorHandle> dispatched(const c10::FunctionSchema& schema) {
  return c10::Dispatcher::singleton().findSchema({schema.name(), schema.overload_name()});
}

constexpr const char* kUnsupportedQuantised =
    "of quantised models, those with int8 weights in linear layers alone are supported; quantise with "
    "torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}), or export before quantising";

[[noreturn]] void refuse(const Node* node, const std::string& why, Reason reason) {
  throw ModelError("refused " + describe(node) + ": " + why, reason);
}

bool returns_tensor(const c10::FunctionSchema& schema) {
  for (const auto& result : schema.returns()) {
    const auto& type = result.type();
    if (type->isSubtypeOf(*c10::TensorType::get())) return true;
    if (const auto list = type->cast<c10::ListType>();
        list && list->getElementType()->isSubtypeOf(*c10::TensorType::get())) {
      return true;
    }
  }
  return false;
}

at::Tensor shape_only(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  return at::empty_strided(tensor.sizes(), tensor.strides(), tensor.options().device(at::kMeta));
}

// The same arguments with tensors that have a shape and no contents.
Stack shape_arguments(const c10::FunctionSchema& schema, const Stack& stack) {
  Stack shapes;
  for (size_t i = 0; i < stack.size(); ++i) {
    const auto& value = stack[i];
    const bool device_argument = i < schema.arguments().size() && schema.arguments()[i].name() == "device";
    if (value.isTensor()) {
      shapes.emplace_back(shape_only(value.toTensor()));
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(shape_only(tensor));
      shapes.emplace_back(list);
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const auto& tensor : value.toOptionalTensorVector()) {
        list.push_back(tensor ? std::optional(shape_only(*tensor)) : std::nullopt);
      }
      shapes.emplace_back(list);
    } else if (value.isDevice() || device_argument) {
      shapes.emplace_back(c10::Device(c10::kMeta));
    } else {
      shapes.push_back(value);
    }
  }
  return shapes;
}

void check_size(const Node* node, const IValue& value, const Limits& limits) {
  if (value.isTensor() && value.toTensor().defined()) {
    const auto& tensor = value.toTensor();
    double bytes = static_cast<double>(tensor.element_size());
    for (const auto size : tensor.sizes()) bytes *= static_cast<double>(size);
    if (bytes > static_cast<double>(limits.bytes)) {
      refuse(node,
             "its result would take " + std::to_string(static_cast<int64_t>(bytes / (1 << 20))) + " MiB; at most " +
                 std::to_string(limits.bytes >> 20) + " MiB are allowed for one tensor",
             Reason::kTooLarge);
    }
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) check_size(node, tensor, limits);
  }
}

// A tensor of that shape, with any numbers in it.
at::Tensor stand_in(const at::Tensor& shape, c10::Device device) {
  const auto options = shape.options().device(device);
  auto made = at::empty_strided(shape.sizes(), shape.strides(), options);
  made.copy_(at::linspace(-1, 1, shape.numel(), options).view(shape.sizes()));
  return made;
}

// Where shapes alone cannot tell (a kernel without a shape function), no number that could be a size may be huge.
void check_numbers(const Node* node, const Stack& stack, const Limits& limits) {
  const auto check = [&](int64_t number) {
    if (number > limits.bytes || number < -limits.bytes) {
      refuse(node, "an argument of " + std::to_string(number), Reason::kTooLarge);
    }
  };
  for (const auto& value : stack) {
    if (value.isInt()) check(value.toInt());
    if (value.isIntList()) {
      double product = 1;
      for (const int64_t number : value.toIntVector()) {
        check(number);
        product *= static_cast<double>(std::max<int64_t>(number, 1));
      }
      if (product > static_cast<double>(limits.bytes)) {
        refuse(node, "sizes whose product is too large", Reason::kTooLarge);
      }
    }
  }
}

}  // namespace

bool reads_shape_only(const Node* node) {
  static const std::unordered_set<std::string_view> names = {
      "size",       "dim",           "len",          "numel",      "stride",        "sym_size",     "sym_numel",
      "sym_stride", "dtype",         "device",       "layout",     "is_cuda",       "is_cpu",       "is_floating_point",
      "is_complex", "requires_grad", "ndim",         "shape",      "is_contiguous", "element_size", "_shape_as_tensor",
      "is_nested",  "is_mkldnn",     "is_quantized", "is_sparse",  "is_meta",       "is_xpu",       "is_mps",
      "type",       "zeros_like",    "ones_like",    "empty_like", "full_like",     "new_zeros",    "new_ones",
      "new_empty",  "new_full",      "isinstance",   "__isnot__",  "__is__",        "get_device",   "itemsize"};
  return names.count(node->kind().toUnqualString()) > 0;
}

bool draws_random_numbers(const Node* node) {
  // Attention counts as random because of its dropout, which is looked at where the attention is.
  const auto* schema = node->kind().is_aten() ? node->maybeSchema() : nullptr;
  if (!schema || is_dropout(node) || is_aten(node, "scaled_dot_product_attention")) return false;
  const auto handle = dispatched(*schema);
  return handle && handle->hasTag(at::Tag::nondeterministic_seeded);
}

bool is_of_packed_halves(const Node* node) {
  return std::string_view(node->kind().toQualString()) == "quantized::linear_dynamic_fp16";
}

bool is_for_nested_tensors(const Node* node) {
  return is_aten(node, "_nested_tensor_from_mask") || is_aten(node, "_nested_tensor_from_mask_left_aligned") ||
         is_aten(node, "to_padded_tensor");
}

void check_allowed(const Node* node) {
  const auto kind = node->kind();
  const std::string_view name = kind.toUnqualString();
  if (kind.is_prim()) {
    if (is_plain_primitive(node)) return;
    if (name == "SetAttr") {
      refuse(node, "the model changes itself when it runs; export it in eval mode, with no state",
             Reason::kWritesInPlace);
    }
    if (name == "PythonOp") {
      refuse(node, "it calls Python; export the model without Python functions", Reason::kNotAllowed);
    }
    refuse(node, "it is not part of a pure forward; export with torch.jit.trace or torch.jit.script",
           Reason::kNotAllowed);
  }
  if (!kind.is_aten()) {
    const std::string where = kind.ns().toUnqualString();
    if (is_of_packed_halves(node)) return;  // in a branch that a layer with int8 weights does not take
    if (where == "quantized") refuse(node, kUnsupportedQuantised, Reason::kQuantised);
    refuse(node, "operators of \"" + where + "\" are unknown; export the model with plain torch operators",
           Reason::kNotAllowed);
  }
  if (name.starts_with("quantize") || name.starts_with("dequantize") || name.starts_with("fake_quantize")) {
    refuse(node, kUnsupportedQuantised, Reason::kQuantised);
  }
  if (name == "save" || name == "from_file") refuse(node, "it touches files", Reason::kNotAllowed);
  if (is_dropout(node)) return;  // its training flag is looked at when it is met
  const auto* found = node->maybeOperator();
  if (!found) refuse(node, "this LibTorch does not know it", Reason::kNotAllowed);
  const auto& schema = found->schema();
  // They may stand in branches that are not taken: of a script of a model in eval mode, and of one without padding.
  if (draws_random_numbers(node) || is_for_nested_tensors(node)) return;
  if (!is_allowed_name(name)) {
    refuse(node, "it is not among the operators that vision transformers are known to need", Reason::kNotAllowed);
  }
  for (const auto& result : schema.returns()) {
    // Texts of error messages are put together from pieces; nothing else makes text.
    const bool message = name == "format" || name == "add" || name == "str";
    if (result.type()->kind() == c10::TypeKind::StringType && !message) {
      refuse(node, "a forward that computes text is not a vision model's", Reason::kNotAllowed);
    }
  }
}

void check_allowed(const Graph& graph) {
  const std::function<void(const torch::jit::Block*)> visit = [&](const torch::jit::Block* block) {
    for (const Node* node : block->nodes()) {
      check_allowed(node);
      for (const auto* inner : node->blocks()) visit(inner);
    }
  };
  visit(graph.block());
}

std::string functional_name(const Node* node) {
  const auto* schema = node->maybeSchema();
  if (!schema || !node->kind().is_aten() || !schema->is_mutable()) return {};
  const std::string name = node->kind().toQualString();
  if (name == "aten::append") return {};  // lists have names, not memory, on a straight line
  const auto& arguments = schema->arguments();
  const auto writes = [](const c10::Argument& argument) {
    return argument.alias_info() && argument.alias_info()->isWrite();
  };
  bool only_first = !arguments.empty() && writes(arguments[0]);
  for (size_t i = 1; i < arguments.size(); ++i) only_first = only_first && !writes(arguments[i]);
  const bool in_place = name.size() > 1 && name.back() == '_' && name.substr(name.size() - 2) != "__";
  if (!only_first || !in_place || !arguments[0].type()->isSubtypeOf(*c10::TensorType::get())) {
    refuse(node, "it writes into its arguments; export a model that does not change values in place",
           Reason::kWritesInPlace);
  }
  return name.substr(0, name.size() - 1);
}

bool is_dropout(const Node* node) {
  return is_aten(node, "dropout") || is_aten(node, "feature_dropout") || is_aten(node, "alpha_dropout") ||
         is_aten(node, "dropout_") || is_aten(node, "native_dropout");
}

bool is_matrix_product(const Node* node) {
  return is_aten(node, "linear") || is_aten(node, "matmul") || is_aten(node, "addmm") || is_aten(node, "mm");
}

void run_bounded(const Node* node, const Step& step, Stack& stack, const Limits& limits, Budget& budget, bool compute) {
  check_arguments(node, stack, limits.bytes / 8);
  if (const auto* schema = node->maybeSchema(); schema && node->kind().is_aten()) {
    if (is_aten(node, "mul") && stack.size() == 2 && stack[0].isList()) {
      const auto length = static_cast<double>(stack[0].toListRef().size());
      if (length * static_cast<double>(stack[1].toInt()) > static_cast<double>(limits.list_elements)) {
        refuse(node, "a list of " + std::to_string(stack[1].toInt()) + " elements", Reason::kTooLarge);
      }
    }
    if (returns_tensor(*schema)) {
      auto shapes = shape_arguments(*schema, stack);
      bool known = true;
      try {
        step(shapes);
      } catch (const std::exception&) {
        known = false;
      }
      if (known) {
        for (const auto& shape : shapes) check_size(node, shape, limits);
      } else {
        check_numbers(node, stack, limits);
      }
      const bool given = known && shapes.size() == 1 && shapes[0].isTensor();
      if (!compute && given && is_matrix_product(node)) {
        const auto& left = stack[is_aten(node, "addmm") ? 1 : 0].toTensor();
        budget.charge(static_cast<double>(shapes[0].toTensor().numel()) * static_cast<double>(left.size(-1)));
        stack = {stand_in(shapes[0].toTensor(), left.device())};
        return budget.hold(node, stack);
      }
    }
  }
  step(stack);
  budget.hold(node, stack);
  for (const auto& value : stack) {
    const bool grown = (value.isList() && static_cast<int64_t>(value.toListRef().size()) > limits.list_elements) ||
                       (value.isString() && static_cast<int64_t>(value.toStringRef().size()) > limits.list_elements);
    if (grown) {
      refuse(node, "it makes a list or text of more than " + std::to_string(limits.list_elements) + " elements",
             Reason::kTooLarge);
    }
  }
}

}  // namespace legrad::graph
