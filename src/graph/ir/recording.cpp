#include "graph/ir/recording.h"

#include <ATen/ExpandUtils.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>

#include <algorithm>
#include <utility>

#include "graph/ir/operators.h"

namespace legrad::graph {
namespace {

bool defined(const Cotangent& parts) { return std::ranges::any_of(parts, &at::Tensor::defined); }

// Of the shape and type of what it comes back to.
at::Tensor fitted(const at::Tensor& part, const at::Tensor& value) {
  if (!part.defined()) return part;
  const auto summed = part.sizes() == value.sizes()   ? part
                      : part.numel() == value.numel() ? part.reshape(value.sizes())
                                                      : at::sum_to(part, value.sizes());
  return summed.to(value.scalar_type());
}

bool is_made_of_parts(c10::Symbol kind) {
  return kind == prim::ListConstruct || kind == prim::TupleConstruct || kind == prim::ListUnpack ||
         kind == prim::TupleUnpack || kind == prim::TupleIndex || kind == prim::unchecked_cast;
}

}  // namespace

Recording::Recording(std::shared_ptr<const Graph> graph, std::shared_ptr<const std::vector<Instruction>> instructions,
                     std::shared_ptr<const std::vector<c10::IValue>> registers, std::vector<int> leaves,
                     std::vector<int> outputs)
    : graph_(std::move(graph)),
      instructions_(std::move(instructions)),
      held_(std::move(registers)),
      leaves_(std::move(leaves)),
      outputs_(std::move(outputs)),
      follows_(registers_.size(), false) {
  for (const int leaf : leaves_) follows_[leaf] = true;
  for (const auto& instruction : *instructions_) mark(instruction);
}

// A result follows the leaves where an argument does and it holds real numbers.
void Recording::mark(const Instruction& instruction) {
  const auto follows = [&](int at) { return static_cast<bool>(follows_[at]); };
  if (instruction.kind == aten::detach || reads_shape_only(instruction.node)) return;
  if (std::ranges::none_of(instruction.inputs, follows)) return;
  for (const int at : instruction.outputs) {
    if (at < 0) continue;
    const auto tensors = tensors_in(at);
    follows_[at] = std::ranges::any_of(tensors, [](const at::Tensor& tensor) { return tensor.is_floating_point(); });
  }
}

std::vector<at::Tensor> Recording::tensors_in(int at) const {
  const auto& value = registers_[at];
  if (value.isTensor()) return {value.toTensor()};
  if (value.isTensorList()) return value.toTensorVector();
  if (!value.isTuple()) return {};
  std::vector<at::Tensor> tensors;
  for (const auto& element : value.toTupleRef().elements()) {
    if (element.isTensor()) tensors.push_back(element.toTensor());
  }
  return tensors;
}

void Recording::add(Registers& back, int at, const Cotangent& parts) const {
  if (!follows_[at] || !defined(parts)) return;
  const auto values = tensors_in(at);
  auto& sum = back[at];
  sum.resize(values.size());
  for (size_t i = 0; i < parts.size() && i < values.size(); ++i) {
    const auto part = fitted(parts[i], values[i]);
    if (part.defined()) sum[i] = sum[i].defined() ? sum[i] + part : part;
  }
}

void Recording::pass(const Instruction& instruction, const Rules& rules, Registers& back) const {
  const auto at = [&](int place) { return place < 0 ? Cotangent() : std::exchange(back[place], {}); };
  if (!is_made_of_parts(instruction.kind)) return pass_rule(instruction, rules, back);
  if (instruction.kind == prim::ListConstruct || instruction.kind == prim::TupleConstruct) {
    const auto parts = at(instruction.outputs[0]);
    for (size_t i = 0; i < parts.size(); ++i) add(back, instruction.inputs[i], {parts[i]});
    return;
  }
  if (instruction.kind == prim::unchecked_cast) {
    return add(back, instruction.inputs[0], at(instruction.outputs[0]));
  }
  if (instruction.kind == prim::TupleIndex) return pass_index(instruction, back);
  Cotangent parts(instruction.outputs.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto part = at(instruction.outputs[i]);
    if (!part.empty()) parts[i] = part[0];
  }
  add(back, instruction.inputs[0], parts);
}

void Recording::pass_index(const Instruction& instruction, Registers& back) const {
  const auto& tuple = registers_[instruction.inputs[0]].toTupleRef().elements();
  const auto index = registers_[instruction.inputs[1]].toInt();
  const auto at = static_cast<size_t>(index < 0 ? index + static_cast<int64_t>(tuple.size()) : index);
  const auto tensors_before = std::count_if(tuple.begin(), tuple.begin() + static_cast<std::ptrdiff_t>(at),
                                            [](const c10::IValue& element) { return element.isTensor(); });
  Cotangent parts(tensors_in(instruction.inputs[0]).size());
  const auto part = std::exchange(back[instruction.outputs[0]], {});
  if (part.empty()) return;
  parts[static_cast<size_t>(tensors_before)] = part[0];
  add(back, instruction.inputs[0], parts);
}

void Recording::pass_rule(const Instruction& instruction, const Rules& rules, Registers& back) const {
  std::vector<at::Tensor> results;
  Cotangent given;
  for (const int at : instruction.outputs) {
    const auto values = at < 0 ? std::vector<at::Tensor>{at::Tensor()} : tensors_in(at);
    auto parts = at < 0 ? Cotangent() : std::exchange(back[at], {});
    parts.resize(values.size());
    results.insert(results.end(), values.begin(), values.end());
    given.insert(given.end(), parts.begin(), parts.end());
  }
  if (!defined(given)) return;
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i].defined() && results[i].defined()) given[i] = at::zeros_like(results[i]);
  }
  const auto rule = rules.rows.find(instruction.kind.toUnqualString());
  if (rule == rules.rows.end()) {
    throw InputError(rules.name + " has no rule for " + describe(instruction.node) +
                         ", which this model computes its output by; choose another method",
                     Reason::kNoRule);
  }
  std::vector<c10::IValue> arguments;
  std::vector<bool> follows;
  for (const int at : instruction.inputs) {
    arguments.push_back(registers_[at]);
    follows.push_back(follows_[at]);
  }
  const auto& names = instruction.node->schema().arguments();
  for (const auto& share : rule->second(Call(instruction.node, arguments, results, follows), given)) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (names[i].name() == share.argument) add(back, instruction.inputs[i], share.parts);
    }
  }
}

std::vector<at::Tensor> Recording::walk(const Rules& rules, const std::vector<at::Tensor>& cotangents) const {
  Registers back(registers_.size());
  for (size_t i = 0; i < outputs_.size(); ++i) add(back, outputs_[i], {cotangents.at(i)});
  for (auto instruction = instructions_->rbegin(); instruction != instructions_->rend(); ++instruction) {
    pass(*instruction, rules, back);
  }
  std::vector<at::Tensor> pulled;
  for (const int leaf : leaves_) {
    pulled.push_back(back[leaf].empty() ? at::zeros_like(registers_[leaf].toTensor()) : back[leaf][0]);
  }
  return pulled;
}

}  // namespace legrad::graph
