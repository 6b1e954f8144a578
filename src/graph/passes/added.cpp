#include "graph/passes/added.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "graph/ir/operators.h"

namespace legrad::graph {
namespace {

using Values = std::unordered_set<const Value*>;

bool is_weight(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  return constant && constant->isTensor() && constant->toTensor().dim() == 2;
}

// Up from a query, key or value: what the first product with a weight takes, the same by every way, as through a
// rotation. Nothing where the ways come from several.
Value* projected_from(Value* value, const Values& depending) {
  Node* node = value->node();
  const bool product = is_aten(node, "linear") || is_aten(node, "matmul");
  if (product && is_weight(node->input(1))) return node->input(0);
  Value* found = nullptr;
  for (Value* input : node->inputs()) {
    if (!depending.contains(input)) continue;
    Value* above = projected_from(input, depending);
    if (!above || (found && above != found)) return nullptr;
    found = above;
  }
  return found;
}

// Those who read more of it than its sizes.
std::vector<Node*> readers(const Value* value) {
  std::vector<Node*> all;
  for (const auto& use : value->uses()) {
    if (!reads_shape_only(use.user)) all.push_back(use.user);
  }
  return all;
}

// Down from the context to what is added to the tokens. Nothing where somebody else reads it, or where a norm, an
// activation or another value of the images comes first, as the MLP of a parallel block.
Value* added_to(const Value* tokens, Value* value, const Values& depending) {
  for (;;) {
    const auto next = readers(value);
    if (next.size() != 1 || next[0]->outputs().size() != 1) return nullptr;
    Node* node = next[0];
    if (is_aten(node, "add") && node->inputs().size() == 3) {
      const auto alpha = torch::jit::toIValue(node->input(2));
      const bool as_is = alpha && alpha->isScalar() && alpha->toScalar().toDouble() == 1;
      const Value* other = node->input(0) == value ? node->input(1) : node->input(0);
      if (other == tokens) return as_is ? value : nullptr;
    }
    const auto joins = [&](const Value* input) { return input != value && depending.contains(input); };
    if (std::ranges::any_of(node->inputs(), joins)) return nullptr;
    for (const char* other : {"layer_norm", "rms_norm", "gelu", "silu", "relu", "tanh", "sigmoid", "softmax"}) {
      if (is_aten(node, other)) return nullptr;
    }
    value = node->output();
  }
}

}  // namespace

Added find_added(const StraightLine& line, const Values& depending, const AttentionSite& site, const Value* tokens) {
  Value* projected = projected_from(site.query(), depending);
  if (!projected || projected_from(site.key(), depending) != projected ||
      projected_from(site.value(), depending) != projected) {
    return {};
  }
  Value* added = added_to(tokens, site.context(), depending);
  const auto& sizes = sizes_of(line, tokens);
  auto turned = sizes;
  std::swap(turned.at(0), turned.at(1));
  const auto& of_projected = sizes_of(line, projected);
  const bool rows_first = of_projected == turned;
  const bool told = (of_projected == sizes) != rows_first;  // as many images as tokens could be either
  return added && told && sizes_of(line, added) == sizes ? Added{projected, rows_first, added} : Added{};
}

}  // namespace legrad::graph
