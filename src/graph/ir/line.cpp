#include "graph/ir/line.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>

#include <algorithm>
#include <unordered_set>

namespace legrad::graph {

Source as_source(const StraightLine& line, const std::string& description) {
  return {description, line.graph->copy(), {Argument{"input", "Tensor"}}, {}};
}

void drop_dead_code(StraightLine& line) {
  torch::jit::EliminateDeadCode(line.graph);
  Facts kept;
  const auto keep = [&](const Value* value) {
    if (const auto it = line.facts.find(value); it != line.facts.end()) kept.insert(*it);
  };
  for (const Value* input : line.graph->inputs()) keep(input);
  for (const Node* node : line.graph->nodes()) {
    for (const Value* output : node->outputs()) keep(output);
  }
  line.facts = std::move(kept);
}

int64_t count_parameters(const StraightLine& line) {
  int64_t count = 0;
  std::unordered_set<const void*> seen;
  for (const Node* node : line.graph->nodes()) {
    if (node->kind() != prim::Constant) continue;
    const auto constant = torch::jit::toIValue(node->output());
    if (!constant || !constant->isTensor() || constant->toTensor().dim() == 0) continue;
    if (seen.insert(constant->toTensor().data_ptr()).second) count += constant->toTensor().numel();
  }
  return count;
}

int64_t count_bytes(const StraightLine& line) {
  int64_t bytes = 0;
  for (const Node* node : line.graph->nodes()) {
    const auto* schema = node->maybeSchema();
    if (!schema || std::ranges::any_of(schema->returns(), &c10::Argument::alias_info)) continue;
    for (const Value* output : node->outputs()) {
      const auto fact = line.facts.find(output);
      if (fact == line.facts.end() || fact->second.sizes.empty()) continue;
      bytes += c10::multiply_integers(fact->second.sizes) * static_cast<int64_t>(c10::elementSize(fact->second.dtype));
    }
  }
  return bytes;
}

const std::vector<int64_t>& sizes_of(const StraightLine& line, const Value* value) {
  static const std::vector<int64_t> none;
  const auto it = line.facts.find(value);
  return it == line.facts.end() ? none : it->second.sizes;
}

std::optional<double> number_of(const StraightLine& line, const Value* value) {
  if (const auto constant = torch::jit::toIValue(value)) {
    if (constant->isScalar() && !constant->isComplexDouble()) return constant->toScalar().toDouble();
    if (constant->isTensor() && constant->toTensor().defined() && constant->toTensor().numel() == 1) {
      return constant->toTensor().item().toDouble();
    }
  }
  const auto it = line.facts.find(value);
  return it == line.facts.end() ? std::nullopt : it->second.number;
}

}  // namespace legrad::graph
