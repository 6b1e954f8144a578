#include "graph/ir/writer.h"

#include <torch/csrc/jit/ir/constants.h>

namespace legrad::graph {

Writer::Writer(Graph& graph) : graph_(graph), place_(graph.block()) {}

Writer::Writer(Graph& graph, Node* before) : graph_(graph), place_(before), scope_(before->scope()) {}

Writer::Writer(StraightLine& line, Node* before)
    : graph_(*line.graph), place_(before), scope_(before->scope()), line_(&line) {}

Value* Writer::constant(const c10::IValue& value) { return graph_.insertConstant(value); }

Value* Writer::list(const std::vector<Value*>& numbers) {
  return graph_.insertNode(graph_.createList(c10::IntType::get(), numbers))->output();
}

Value* Writer::tensors(const std::vector<Value*>& list) {
  return graph_.insertNode(graph_.createList(c10::TensorType::get(), list))->output();
}

Value* Writer::call(const char* name, const std::vector<Value*>& inputs, const Fact& fact) {
  Node* node = graph_.insertNode(graph_.create(c10::Symbol::aten(name), inputs, 1));
  if (scope_) node->setScope(scope_);
  // The overload is chosen by what the inputs are; throws if LibTorch has no such operator.
  node->output()->setType(node->getOperator().schema().returns().at(0).type());
  if (line_) line_->facts[node->output()] = fact;
  return node->output();
}

Node* Writer::copy(Node* node, const std::vector<Value*>& inputs) {
  Node* made = graph_.create(node->kind(), inputs, node->outputs().size());
  made->copyAttributes(*node);
  made->setScope(node->scope());
  for (size_t i = 0; i < node->outputs().size(); ++i) made->outputs()[i]->setType(node->outputs()[i]->type());
  return graph_.insertNode(made);
}

}  // namespace legrad::graph
