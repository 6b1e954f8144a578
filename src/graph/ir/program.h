#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <legrad/rules.h>

#include <memory>
#include <string>
#include <vector>

#include "graph/ir/instruction.h"
#include "graph/ir/ir.h"
#include "graph/ir/linear_rows.h"
#include "graph/ir/packed_linear.h"
#include "graph/ir/tape.h"

namespace legrad::graph {

/// A list as operators expect it: of tensors, numbers or truth values where its element type says so.
c10::IValue typed_list(const c10::impl::GenericList& list);

/// The step of a node without blocks: an operator's kernel, or the making and taking apart of a list or tuple. The node
/// must outlive the step.
Step make_step(Node* node);

/// What a program computed, every value of it.
struct WholeRun {
  std::vector<at::Tensor> outputs;
  std::shared_ptr<const std::vector<c10::IValue>> values;
};

/// A straight-line graph, ready to run: no branches, no profiling, values freed after their last use. Immutable; may
/// run in many threads at once. Under grad mode autograd records it as it records any eager code.
class Program {
 public:
  Program() = default;

  /// `name` says in error messages what this program is, as in "block 3, tail".
  Program(std::shared_ptr<Graph> graph, std::string name);

  explicit operator bool() const { return graph_ != nullptr; }
  size_t inputs() const { return inputs_; }
  /// Whether it does anything with that input.
  bool reads(size_t input) const { return graph_->inputs().at(input)->hasUses(); }

  /// Runs on tensors and returns the outputs. Throws `Error` with the operator that failed and why.
  std::vector<at::Tensor> operator()(const std::vector<at::Tensor>& inputs) const;

  /// The same; where gradients are recorded, they pass the program by a table of rules. Without a table, by autograd.
  std::vector<at::Tensor> operator()(const std::vector<at::Tensor>& inputs,
                                     const std::shared_ptr<const Rules>& rules) const;

  /// The same program with its linear layers' weights packed.
  Program packed(LinearPacker& packer) const;

  /// Runs on all tokens, and keeps what linear layers give for some.
  std::vector<at::Tensor> keeping(LinearRows& rows, const std::vector<at::Tensor>& inputs) const;

  /// Runs on those tokens alone, of which the layers' outputs are known.
  std::vector<at::Tensor> knowing(const LinearRows& rows, const std::vector<at::Tensor>& inputs) const;

  /// Runs on tensors as the call does, and keeps what is needed to pull cotangents of the outputs back to the inputs
  /// that `with_respect_to` counts out, by autograd.
  Tape record(std::vector<at::Tensor> inputs, const std::vector<size_t>& with_respect_to) const;

  /// The same, pulled by a table of rules. Autograd records nothing.
  Tape record(const std::vector<at::Tensor>& inputs, const std::vector<size_t>& with_respect_to,
              std::shared_ptr<const Rules> rules) const;

  /// Runs on tensors as the call does, or as `keeping` does where rows are given, and keeps every value.
  WholeRun run_whole(const std::vector<at::Tensor>& inputs, LinearRows* rows = nullptr) const;

  /// Of such a run, what `record` would give. Several tables may go back through one run.
  Tape back_through(const WholeRun& run, const std::vector<size_t>& with_respect_to,
                    std::shared_ptr<const Rules> rules) const;

 private:
  template <class Run>
  std::vector<c10::IValue> run(const std::vector<at::Tensor>& inputs, bool keep, const Run& run_one) const;
  std::vector<at::Tensor> outputs_in(const std::vector<c10::IValue>& registers) const;

  std::shared_ptr<Graph> graph_;  // keeps the nodes alive that instructions point to
  std::string name_;
  size_t inputs_ = 0;
  std::vector<c10::IValue> registers_;  // constants in place, everything else empty
  std::shared_ptr<const std::vector<Instruction>> instructions_;
  std::vector<int> outputs_;
};

}  // namespace legrad::graph
