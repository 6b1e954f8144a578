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

void run_step(Node* node, const Node* source, std::vector<c10::IValue>& stack, const Limits& limits) {
  try {
    run_bounded(node, make_step(node), stack, limits);
  } catch (const Error& error) {
    throw ModelError(error.what(), error.reason());
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
  run_step(node, source, stack, trace.options.limits);
  if (constant_write) from_images = false;
  if (reads_shape_only(source)) from_pixels = false;
  if (from_pixels) check_no_number(source);
  Node* emitted = from_images ? trace.emit(node, source, arguments) : nullptr;
  for (size_t i = 0; i < source->outputs().size(); ++i) {
    Known result{stack.at(i), nullptr, from_images, from_pixels};
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
