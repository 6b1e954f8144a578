#include "graph/ir/source.h"

#include <legrad/error.h>

#include <algorithm>

namespace legrad::graph {
namespace {

// Whether a caller may give it: it has no value, or may be None.
bool is_open(const Argument& argument) { return !argument.value || argument.value->isNone(); }

const Node* first_convolution(const Graph& graph) {
  const Node* first = nullptr;
  for_each_node(graph, [&](const Node* node) {
    if (!first && is_convolution(node)) first = node;
  });
  return first;
}

}  // namespace

size_t input_argument(const Source& source) {
  const auto inputs = source.graph->inputs();
  if (const Node* convolution = first_convolution(*source.graph)) {
    const Value* value = convolution->input(0);
    while (value->node()->kind() != prim::Param && !value->node()->inputs().empty()) value = value->node()->input(0);
    const auto at = static_cast<size_t>(std::find(inputs.begin(), inputs.end(), value) - inputs.begin());
    if (at < inputs.size() && is_open(source.arguments.at(at))) return at;
  }
  for (size_t i = 0; i < source.arguments.size(); ++i) {
    const auto& argument = source.arguments[i];
    const bool tensor = inputs[i]->type()->isSubtypeOf(*c10::TensorType::get());
    if (is_open(argument) && tensor) return i;
  }
  throw ModelError("the model takes no tensor; expected images [B, 3, H, W]", Reason::kOtherInput);
}

void convert(Source& source, c10::Device device, c10::ScalarType from, c10::ScalarType to) {
  for (auto& weight : source.weights) {
    const bool number = weight.dim() == 0;  // numbers of size arithmetic stay where they are
    const auto place = number ? weight.device() : device;
    const auto dtype = weight.scalar_type() == from ? to : weight.scalar_type();
    if (place != weight.device() || dtype != weight.scalar_type()) weight.set_data(weight.to(place, dtype));
  }
}

}  // namespace legrad::graph
