#include "graph/passes/activations.h"

#include <torch/csrc/jit/ir/constants.h>

#include <optional>

#include "graph/ir/writer.h"

namespace legrad::graph {
namespace {

std::optional<double> number(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  if (!constant) return std::nullopt;
  if (constant->isScalar()) return constant->toScalar().toDouble();
  const bool one = constant->isTensor() && constant->toTensor().dim() == 0;
  return one ? std::optional(constant->toTensor().item<double>()) : std::nullopt;
}

// c, where `scaled` is c x.
std::optional<double> scale_of(const Value* scaled, const Value* x) {
  if (scaled == x) return 1;
  const Node* node = scaled->node();
  if (!is_aten(node, "mul")) return std::nullopt;
  for (const size_t side : {0, 1}) {
    const auto scale = number(node->input(1 - side));
    if (node->input(side) == x && scale && *scale != 0) return scale;
  }
  return std::nullopt;
}

// What takes the place of a product, in front of it; nullptr where it is no activation.
Value* activation(Graph& graph, Node* product) {
  for (const size_t side : {0, 1}) {
    const Node* gate = product->input(1 - side)->node();
    if (!is_aten(gate, "sigmoid")) continue;
    const auto scale = scale_of(gate->input(0), product->input(side));
    if (!scale) continue;
    Writer write(graph, product);
    Value* made = write.call("silu", {gate->input(0)});
    return *scale == 1 ? made : write.call("div", {made, write.constant(*scale)});
  }
  return nullptr;
}

}  // namespace

void recompose_activations(Graph& graph) {
  for (Node* product : find_all(graph, "mul")) {
    Value* made = activation(graph, product);
    if (!made) continue;
    product->output()->replaceAllUsesWith(made);
    product->destroy();
  }
  for (Node* gate : find_all(graph, "sigmoid")) {
    if (!gate->output()->hasUses()) gate->destroy();
  }
}

}  // namespace legrad::graph
