#include <legrad/error.h>

#include "graph/ir/program.h"
#include "graph/passes/trace.h"

namespace legrad::graph {
namespace {

// The list's elements on the line; none if the list is a constant.
std::vector<Value*> places_of(const Known& list, const Node* node) {
  if (!list.straight) return {};
  if (list.straight->node()->kind() != prim::ListConstruct) {
    throw ModelError("refused " + describe(node) + ": the list was not made here", Reason::kNotAllowed);
  }
  return list.straight->node()->inputs().vec();
}

}  // namespace

void run_append(Trace& trace, const Node* node) {
  auto& list = trace.known.at(node->input(0));
  auto& element = trace.known.at(node->input(1));
  if (element.missing || list.missing) {
    list = missing(*(element.missing ? element.missing : list.missing));
    return trace.leave_out(node, *list.missing);
  }
  auto elements = list.value.toListRef().vec();
  auto places = places_of(list, node);
  Known grown{{}, nullptr, list.from_images || element.from_images, list.from_pixels || element.from_pixels};
  if (grown.from_images && !list.straight) {
    for (const auto& value : elements) {
      Known constant{value};
      places.push_back(trace.place(constant));
    }
  }
  elements.push_back(element.value);
  if (static_cast<int64_t>(elements.size()) > trace.options.limits.list_elements) {
    throw ModelError("a list of the model grows without end", Reason::kTooLarge);
  }
  const auto type = node->input(0)->type();
  if (grown.from_images) {
    places.push_back(trace.place(element));
    Node* made = trace.line.graph->create(prim::ListConstruct, places, 1);
    made->output()->setType(type);
    trace.line.graph->insertNode(made);
    grown.straight = made->output();
  }
  c10::impl::GenericList values(type->expect<c10::ListType>()->getElementType());
  for (const auto& value : elements) values.push_back(value);
  grown.value = typed_list(values);
  trace.known[node->output()] = grown;
  trace.known[node->input(0)] = std::move(grown);
}

void run_tuple(Trace& trace, const Node* node) {
  Known made;
  std::vector<c10::IValue> values;
  for (const Value* input : node->inputs()) {
    made.elements.push_back(trace.known.at(input));
    const auto& element = made.elements.back();
    values.push_back(element.value);  // None where nobody gave it
    made.from_images = made.from_images || element.from_images;
    made.from_pixels = made.from_pixels || element.from_pixels;
  }
  const auto type = node->output()->type()->cast<c10::TupleType>();
  made.value = type && type->schema() ? c10::ivalue::Tuple::createNamed(std::move(values), type)
                                      : c10::ivalue::Tuple::create(std::move(values));
  trace.known[node->output()] = std::move(made);
}

bool run_unpack(Trace& trace, const Node* node) {
  const auto elements = trace.known.at(node->input()).elements;
  if (elements.size() != node->outputs().size()) return false;
  for (size_t i = 0; i < elements.size(); ++i) trace.known[node->outputs()[i]] = elements[i];
  return true;
}

}  // namespace legrad::graph
