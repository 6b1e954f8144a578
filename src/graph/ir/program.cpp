#include "graph/ir/program.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <utility>

#include "graph/ir/in_place.h"
#include "graph/ir/light_back.h"
#include "graph/ir/linear.h"
#include "graph/ir/recording.h"

namespace legrad::graph {
namespace {

using Stack = std::vector<c10::IValue>;

// Lists and tuples are instructions of TorchScript's interpreter, not operators, so they are spelled out here.
void construct_list(const c10::ListType& type, Stack& stack) {
  c10::impl::GenericList list(type.getElementType());
  for (auto& value : stack) list.push_back(std::move(value));
  stack.clear();
  stack.push_back(typed_list(list));
}

void construct_dict(const c10::DictType& type, Stack& stack) {
  c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
  for (size_t i = 0; i + 1 < stack.size(); i += 2) dict.insert_or_assign(stack[i], stack[i + 1]);
  stack.clear();
  stack.emplace_back(std::move(dict));
}

void compute(const Instruction& instruction, Stack& stack) { instruction.kernel(stack); }

// The same; what linear layers give for some rows is kept, if they are given.
auto computing_into(LinearRows* rows) {
  return [rows](const Instruction& instruction, Stack& stack) {
    compute(instruction, stack);
    if (rows && instruction.kind == aten::linear) rows->keep(&instruction, stack[0].toTensor());
  };
}

}  // namespace

c10::IValue typed_list(const c10::impl::GenericList& list) {
  const auto element = list.elementType();
  if (element->isSubtypeOf(*c10::TensorType::get())) return c10::impl::toTypedList<at::Tensor>(list);
  switch (element->kind()) {
    case c10::TypeKind::IntType:
      return c10::impl::toTypedList<int64_t>(list);
    case c10::TypeKind::FloatType:
      return c10::impl::toTypedList<double>(list);
    case c10::TypeKind::BoolType:
      return c10::impl::toTypedList<bool>(list);
    default:
      return list;
  }
}

Step make_step(Node* node) {
  switch (node->kind()) {
    case prim::ListConstruct: {
      const auto type = node->output()->type()->expect<c10::ListType>();
      return [type](Stack& stack) { construct_list(*type, stack); };
    }
    case prim::DictConstruct: {
      const auto type = node->output()->type()->expect<c10::DictType>();
      return [type](Stack& stack) { construct_dict(*type, stack); };
    }
    case prim::TupleConstruct:
      return [](Stack& stack) {
        auto tuple = c10::ivalue::Tuple::create(std::move(stack));
        stack.clear();
        stack.emplace_back(std::move(tuple));
      };
    case prim::ListUnpack:
    case prim::TupleUnpack: {
      const auto count = node->outputs().size();
      return [count](Stack& stack) {
        const auto packed = std::move(stack.back());
        stack.clear();
        if (packed.isTuple()) {
          for (const auto& element : packed.toTupleRef().elements()) stack.push_back(element);
        } else {
          const auto list = packed.toListRef();
          stack.insert(stack.end(), list.begin(), list.end());
        }
        if (stack.size() != count) {
          throw Error("expected " + std::to_string(count) + " elements to unpack, got " + std::to_string(stack.size()));
        }
      };
    }
    case prim::unchecked_cast:
      return [](Stack&) {};
    case aten::linear:
      return [](Stack& stack) {
        auto output = graph::linear(stack[0].toTensor(), stack[1].toTensor(), stack[2].toOptional<at::Tensor>());
        stack.clear();
        stack.emplace_back(std::move(output));
      };
    case aten::gelu:
      return [](Stack& stack) {
        auto output = graph::gelu(stack[0].toTensor(), std::string(stack[1].toStringView()));
        stack.clear();
        stack.emplace_back(std::move(output));
      };
    default:
      break;
  }
  auto operation = node->getOperation();
  if (node->maybeSchema() && node->schema().is_vararg()) {
    const auto count = static_cast<int64_t>(node->inputs().size());
    return [operation = std::move(operation), count](Stack& stack) mutable {
      stack.emplace_back(count);
      operation(stack);
    };
  }
  if (node->kind() == aten::mean) {
    return [operation = std::move(operation)](Stack& stack) mutable {
      const bool over_dims = stack.size() == 4 && stack[1].isIntList() && stack[3].isNone();
      if (!over_dims) return operation(stack);
      auto output = graph::mean(stack[0].toTensor(), stack[1].toIntVector(), stack[2].toBool());
      stack.clear();
      stack.emplace_back(std::move(output));
    };
  }
  return [operation = std::move(operation)](Stack& stack) mutable { operation(stack); };
}

Program::Program(std::shared_ptr<Graph> graph, std::string name) : graph_(std::move(graph)), name_(std::move(name)) {
  std::unordered_map<const Value*, int> place;
  const auto reserve = [&](const Value* value) {
    const int at = static_cast<int>(registers_.size());
    registers_.emplace_back();
    place.emplace(value, at);
    return at;
  };
  inputs_ = graph_->inputs().size();
  for (const Value* input : graph_->inputs()) reserve(input);
  std::vector<Instruction> instructions;
  std::unordered_map<int, std::pair<size_t, size_t>> last;  // register -> the instruction and input that read it last
  for (Node* node : graph_->nodes()) {
    if (node->kind() == prim::Constant) {
      registers_[reserve(node->output())] = torch::jit::toIValue(node->output()).value();
      continue;
    }
    Instruction instruction{node->kind(), node, in_place(node, make_step(node)), {}, {}, {}};
    for (const Value* input : node->inputs()) {
      const int at = place.at(input);
      if (input->node()->kind() != prim::Constant) last[at] = {instructions.size(), instruction.inputs.size()};
      instruction.inputs.push_back(at);
    }
    instruction.moves.assign(instruction.inputs.size(), false);
    for (const Value* output : node->outputs()) instruction.outputs.push_back(output->hasUses() ? reserve(output) : -1);
    instructions.push_back(std::move(instruction));
  }
  for (const Value* output : graph_->outputs()) {
    outputs_.push_back(place.at(output));
    last.erase(outputs_.back());
  }
  for (const auto& [at, where] : last) instructions[where.first].moves[where.second] = true;
  instructions_ = std::make_shared<const std::vector<Instruction>>(std::move(instructions));
}

// All registers after a run; unless they are to be kept, those without a reader left are empty.
template <class Run>
std::vector<c10::IValue> Program::run(const std::vector<at::Tensor>& inputs, bool keep, const Run& run_one) const {
  if (inputs.size() != inputs_) {
    throw std::logic_error(name_ + ": " + std::to_string(inputs_) + " inputs expected, got " +
                           std::to_string(inputs.size()));
  }
  auto registers = registers_;
  for (size_t i = 0; i < inputs.size(); ++i) registers[i] = inputs[i];
  Stack stack;
  for (const auto& instruction : *instructions_) {
    stack.clear();
    for (size_t i = 0; i < instruction.inputs.size(); ++i) {
      auto& from = registers[instruction.inputs[i]];
      if (instruction.moves[i] && !keep) {
        stack.push_back(std::move(from));
      } else {
        stack.push_back(from);
      }
    }
    try {
      run_one(instruction, stack);
    } catch (const std::exception& error) {
      throw Error(name_ + ": " + describe(instruction.node) + " failed: " + first_line(error));
    }
    for (size_t i = 0; i < instruction.outputs.size(); ++i) {
      if (instruction.outputs[i] >= 0) registers[instruction.outputs[i]] = std::move(stack[i]);
    }
  }
  return registers;
}

std::vector<at::Tensor> Program::outputs_in(const std::vector<c10::IValue>& registers) const {
  std::vector<at::Tensor> outputs;
  outputs.reserve(outputs_.size());
  for (const int at : outputs_) outputs.push_back(registers[at].toTensor());
  return outputs;
}

std::vector<at::Tensor> Program::operator()(const std::vector<at::Tensor>& inputs) const {
  return outputs_in(run(inputs, /*keep=*/false, compute));
}

std::vector<at::Tensor> Program::operator()(const std::vector<at::Tensor>& inputs,
                                            const std::shared_ptr<const Rules>& rules) const {
  if (!rules || !at::GradMode::is_enabled()) return (*this)(inputs);
  std::vector<size_t> followed;
  std::vector<at::Tensor> given, leaves;
  for (size_t i = 0; i < inputs.size(); ++i) {
    given.push_back(inputs[i].detach());
    if (!inputs[i].requires_grad()) continue;
    followed.push_back(i);
    leaves.push_back(inputs[i]);
  }
  if (followed.empty()) return (*this)(inputs);
  const auto tape = record(given, followed, rules);
  const auto walk = [tape](const std::vector<at::Tensor>& cotangents) { return tape.pull(cotangents, /*keep=*/true); };
  return Tape::differentiable(tape.outputs(), walk, leaves);
}

Program Program::packed(LinearPacker& packer) const {
  auto instructions = *instructions_;
  for (auto& instruction : instructions) {
    if (instruction.kind != aten::linear) continue;
    const auto& weight = registers_[instruction.inputs[1]];  // nothing but a constant is there before a run
    if (!weight.isTensor()) continue;
    if (auto step = packer.pack(weight.toTensor())) instruction.kernel = std::move(*step);
  }
  auto program = *this;
  program.instructions_ = std::make_shared<const std::vector<Instruction>>(std::move(instructions));
  return program;
}

std::vector<at::Tensor> Program::keeping(LinearRows& rows, const std::vector<at::Tensor>& inputs) const {
  return outputs_in(run(inputs, /*keep=*/false, computing_into(&rows)));
}

std::vector<at::Tensor> Program::knowing(const LinearRows& rows, const std::vector<at::Tensor>& inputs) const {
  return outputs_in(run(inputs, /*keep=*/false, [&](const Instruction& instruction, Stack& stack) {
    if (instruction.kind != aten::linear) return compute(instruction, stack);
    auto known = rows.give(&instruction, stack[0].toTensor(), stack[1].toTensor());
    if (!known.defined()) return compute(instruction, stack);
    stack.clear();
    stack.emplace_back(std::move(known));
  }));
}

Tape Program::record(std::vector<at::Tensor> inputs, const std::vector<size_t>& with_respect_to) const {
  const c10::InferenceMode inference(false);  // nothing can be differentiated under it, whatever grad mode says
  const at::AutoGradMode recording(true);
  std::vector<at::Tensor> leaves;
  for (const size_t at : with_respect_to) {
    inputs.at(at) = inputs[at].detach().requires_grad_();
    leaves.push_back(inputs[at]);
  }
  auto outputs = (*this)(inputs);
  return {std::move(outputs), std::move(leaves)};
}

Tape Program::record(const std::vector<at::Tensor>& inputs, const std::vector<size_t>& with_respect_to,
                     std::shared_ptr<const Rules> rules) const {
  const at::AutoGradMode recording(false);
  return back_through(run_whole(inputs), with_respect_to, std::move(rules));
}

WholeRun Program::run_whole(const std::vector<at::Tensor>& inputs, LinearRows* rows) const {
  auto values = run(inputs, /*keep=*/true, computing_into(rows));
  auto outputs = outputs_in(values);
  return {std::move(outputs), std::make_shared<const std::vector<c10::IValue>>(std::move(values))};
}

Tape Program::back_through(const WholeRun& run, const std::vector<size_t>& with_respect_to,
                           std::shared_ptr<const Rules> rules) const {
  const std::vector<int> leaves(with_respect_to.begin(), with_respect_to.end());  // inputs are the first registers
  const auto recorded = std::make_shared<const Recording>(graph_, instructions_, run.values, leaves, outputs_);
  return {run.outputs, [recorded, rules = std::move(rules)](const std::vector<at::Tensor>& cotangents) {
            const at::AutoGradMode off(false);
            return recorded->walk(*rules, cotangents);
          }};
}

}  // namespace legrad::graph
