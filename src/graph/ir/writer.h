#pragma once

#include <ATen/core/ivalue.h>

#include <vector>

#include "graph/ir/ir.h"
#include "graph/ir/line.h"

namespace legrad::graph {

/// Writes calls of operators into a graph: `write.call("permute", {x, write.constant(order)}, fact)`.
class Writer {
 public:
  /// At the end of a graph about which no facts are kept.
  explicit Writer(Graph& graph);
  /// The same, in front of one of its nodes.
  Writer(Graph& graph, Node* before);
  /// Into a line, in front of one of its nodes, whose place in the model's source the new nodes take over.
  Writer(StraightLine& line, Node* before);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Value* constant(const c10::IValue& value);
  Value* none() { return constant({}); }
  /// A list of whole numbers.
  Value* list(const std::vector<Value*>& numbers);
  Value* tensors(const std::vector<Value*>& list);
  /// A call of the aten operator `name` that takes these inputs and gives one output, of which `fact` is known.
  Value* call(const char* name, const std::vector<Value*>& inputs, const Fact& fact = {});
  /// The same node over other inputs.
  Node* copy(Node* node, const std::vector<Value*>& inputs);

 private:
  Graph& graph_;
  torch::jit::WithInsertPoint place_;
  torch::jit::ScopePtr scope_;    // none: as the graph has it
  StraightLine* line_ = nullptr;  // whose facts are kept
};

}  // namespace legrad::graph
