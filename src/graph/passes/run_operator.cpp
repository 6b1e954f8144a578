#include <ATen/core/dispatch/Dispatcher.h>
#include <legrad/error.h>

#include <algorithm>

#include "graph/ir/program.h"
#include "graph/passes/trace.h"

namespace legrad::graph {
namespace {

// What follows from an input nobody gave is not there either; but a dict may hold it beside what is.
bool run_without(Trace& trace, const Node* node) {
  if (node->kind() == prim::DictConstruct) return false;
  for (const Value* input : node->inputs()) {
    const auto* argument = trace.known.at(input).missing;
    if (!argument) continue;
    trace.leave_out(node, *argument);
    return true;
  }
  return false;
}

// Whether one of the tensors that index another says by true and false which entries are meant.
bool selects_by_truth(const c10::IValue& indices) {
  bool found = false;
  indices.visit([&](const c10::IValue& value) {
    if (!value.isTensor() || !value.toTensor().defined()) return false;
    const auto dtype = value.toTensor().scalar_type();
    found = found || dtype == c10::ScalarType::Bool || dtype == c10::ScalarType::Byte;
    return found;
  });
  return found;
}

// A number read out of a tensor cannot be followed back to its pixels by a gradient, nor per image.
void check_no_number(const Node* node) {
  for (const Value* output : node->outputs()) {
    const auto kind = output->type()->kind();
    const bool number =
        kind == c10::TypeKind::IntType || kind == c10::TypeKind::FloatType || kind == c10::TypeKind::NumberType;
    if (number) {
      throw ModelError("the model turns what is in the image into a number (" + describe(node) +
                           "), through which no gradient leads; export a model that keeps it a tensor",
                       Reason::kDependsOnPixels);
    }
  }
}

// Whether the sizes of what an operator gives depend on what is in its arguments.
bool counts_contents(const Node* node) {
  const auto* schema = node->maybeSchema();
  if (!schema) return false;
  const auto handle = c10::Dispatcher::singleton().findSchema({schema->name(), schema->overload_name()});
  return handle && handle->hasTag(at::Tag::dynamic_output_shape);
}

// Whether an operator gives a tensor whose sizes depend on pixels: those of an input do, or the operator counts what is
// in one (`nonzero`, a boolean index).
bool has_shape_from_pixels(const Node* node, const KnownValues& known) {
  const auto from_pixels = [&](size_t input) {
    return input < node->inputs().size() && known.at(node->input(input)).from_pixels;
  };
  for (const Value* input : node->inputs()) {
    if (known.at(input).shape_from_pixels) return true;
  }
  if (is_aten(node, "index")) return from_pixels(1) && selects_by_truth(known.at(node->input(1)).value);
  if (is_aten(node, "masked_select")) return from_pixels(1);
  if (is_aten(node, "repeat_interleave")) {  // by a number, by a tensor of them, or nothing but that tensor
    const auto& overload = node->schema().overload_name();
    return overload != "self_int" && from_pixels(overload == "self_Tensor" ? 1 : 0);
  }
  if (!counts_contents(node)) return false;
  return std::any_of(node->inputs().begin(), node->inputs().end(),
                     [&](const Value* input) { return known.at(input).from_pixels; });
}

void run_step(Trace& trace, Node* node, const Node* source, std::vector<c10::IValue>& stack, bool compute) {
  try {
    run_bounded(node, make_step(node), stack, trace.options.limits, trace.budget, compute);
  } catch (const Error& error) {
    // A refusal has its reason; a step that its arguments do not fit has none.
    if (error.reason() != Reason::kUnspecified) throw ModelError(error.what(), error.reason());
    throw ExecutionError("running the model failed at " + describe(source) + ": " + error.what(), Reason::kSizeUnfit);
  } catch (const std::exception& error) {
    throw ExecutionError("running the model failed at " + describe(source) + ": " + first_line(error),
                         Reason::kSizeUnfit);
  }
}

}  // namespace

void run_operator(Trace& trace, Node* source) {
  if (run_without(trace, source)) return;
  auto& known = trace.known;
  Node* node = source;
  std::shared_ptr<Graph> scratch;
  const auto functional = functional_name(source);
  const bool constant_write = !functional.empty() && writes_constants(source, known, trace.fixed);
  if (!functional.empty() && !constant_write) {
    check_not_shared(source, known);
    node = make_functional(source, functional, scratch);
  }
  std::vector<c10::IValue> stack;
  bool from_images = false;
  bool from_pixels = false;
  for (const Value* input : source->inputs()) {
    const auto& argument = known.at(input);
    stack.push_back(argument.value);  // None where nobody gave it
    from_images = from_images || argument.from_images;
    from_pixels = from_pixels || argument.from_pixels;
  }
  retarget_types(node, stack, trace.options);
  const auto arguments = stack;
  run_step(trace, node, source, stack, !from_pixels || trace.options.products);
  // A device that a script names is the one it was written on; where the model is loaded says where it runs.
  for (auto& value : stack) {
    if (value.isDevice()) value = trace.options.device;
  }
  if (constant_write) from_images = false;
  const bool shape_from_pixels = has_shape_from_pixels(source, known);
  if (reads_shape_only(source)) from_pixels = shape_from_pixels;
  if (from_pixels) check_no_number(source);
  Node* emitted = from_images ? trace.emit(node, source, arguments) : nullptr;
  for (size_t i = 0; i < source->outputs().size(); ++i) {
    Known result{stack.at(i), nullptr, from_images, from_pixels, shape_from_pixels};
    if (emitted) {
      result.straight = emitted->outputs()[i];
      trace.note(result);
    }
    known[source->outputs()[i]] = std::move(result);
  }
  // Whoever reads the first argument later must see what was written into it.
  if (node != source) known[source->input(0)] = known.at(source->output(0));
}

}  // namespace legrad::graph
