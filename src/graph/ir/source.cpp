#include "graph/ir/source.h"

#include <legrad/error.h>

#include <algorithm>

namespace legrad::graph {
namespace {

// Whether a caller may give it: it has no value, or may be None.
bool is_open(const Argument& argument) { return !argument.value || argument.value->isNone(); }

// The open argument that a value is made from by operators on it alone.
std::optional<size_t> argument_behind(const Source& source, const Value* value) {
  while (value->node()->kind() != prim::Param && !value->node()->inputs().empty()) value = value->node()->input(0);
  const auto inputs = source.graph->inputs();
  const auto at = static_cast<size_t>(std::find(inputs.begin(), inputs.end(), value) - inputs.begin());
  if (at < inputs.size() && is_open(source.arguments.at(at))) return at;
  return std::nullopt;
}

}  // namespace

size_t input_argument(const Source& source) {
  if (source.input) return *source.input;
  const Node* convolution = nullptr;
  for_each_node(*source.graph, [&](const Node* node) {
    if (!convolution && is_convolution(node)) convolution = node;
  });
  const auto images = convolution ? argument_behind(source, convolution->input(0)) : std::nullopt;
  if (images) return *images;
  for (size_t i = 0; i < source.arguments.size(); ++i) {
    const bool tensor = source.graph->inputs()[i]->type()->isSubtypeOf(*c10::TensorType::get());
    if (is_open(source.arguments[i]) && tensor) return i;
  }
  throw ModelError("the model takes no tensor; expected images [B, 3, H, W]", Reason::kOtherInput);
}

size_t token_argument(const Source& source) {
  std::optional<size_t> tokens;
  for_each_node(*source.graph, [&](const Node* node) {
    if (!tokens && is_aten(node, "embedding")) tokens = argument_behind(source, node->input(1));
  });
  if (!tokens) {
    throw ModelError(
        "no input of the model is looked up in a table; expected a text tower, which takes ids of tokens [B, N]",
        Reason::kOtherInput);
  }
  return *tokens;
}

bool is_size_number(const at::Tensor& tensor) { return tensor.dim() == 0 && !tensor.is_floating_point(); }

void convert(Source& source, c10::Device device, c10::ScalarType from, c10::ScalarType to) {
  for (auto& weight : source.weights) {
    const bool number = is_size_number(weight);
    const auto place = number ? weight.device() : device;
    const auto dtype = weight.scalar_type() == from ? to : weight.scalar_type();
    if (place != weight.device() || dtype != weight.scalar_type()) weight.set_data(weight.to(place, dtype));
  }
}

}  // namespace legrad::graph
