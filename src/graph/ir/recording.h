#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <legrad/rules.h>

#include <memory>
#include <vector>

#include "graph/ir/instruction.h"

namespace legrad::graph {

/// A run of a program of which every value was kept, so that a table of rules can walk it backwards.
class Recording {
 public:
  /// `registers` are the values after the run; `leaves` the registers that are asked about, `outputs` those of the
  /// program's outputs. A recording may outlive its program, and keeps the graph that the instructions point into.
  Recording(std::shared_ptr<const Graph> graph, std::shared_ptr<const std::vector<Instruction>> instructions,
            std::shared_ptr<const std::vector<c10::IValue>> registers, std::vector<int> leaves,
            std::vector<int> outputs);

  /// What the rules bring of the outputs' cotangents back to each leaf; zeros where nothing comes. Throws `InputError`
  /// (`Reason::kNoRule`) for an operator on the way of which the table knows nothing.
  std::vector<at::Tensor> walk(const Rules& rules, const std::vector<at::Tensor>& cotangents) const;

 private:
  using Registers = std::vector<Cotangent>;

  void mark(const Instruction& instruction);
  void pass(const Instruction& instruction, const Rules& rules, Registers& back) const;
  void pass_index(const Instruction& instruction, Registers& back) const;
  void pass_rule(const Instruction& instruction, const Rules& rules, Registers& back) const;
  void add(Registers& back, int at, const Cotangent& parts) const;
  std::vector<at::Tensor> tensors_in(int at) const;

  std::shared_ptr<const Graph> graph_;
  std::shared_ptr<const std::vector<Instruction>> instructions_;
  std::shared_ptr<const std::vector<c10::IValue>> held_;
  const std::vector<c10::IValue>& registers_ = *held_;
  std::vector<int> leaves_;
  std::vector<int> outputs_;
  std::vector<bool> follows_;  // by register: whether it depends on a leaf
};

}  // namespace legrad::graph
