#include "graph/read/inline_calls.h"

#include <legrad/error.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <unordered_map>

namespace legrad::graph {
namespace {

constexpr int64_t kMostNodes = 1'000'000;

// The function that a node calls; none if it calls nothing.
const torch::jit::Function* callee(const Node* node) {
  if (node->kind() == prim::CallFunction) {
    const auto type = node->input(0)->type()->cast<c10::FunctionType>();
    return type ? type->function() : nullptr;
  }
  if (node->kind() == prim::CallMethod) {
    const auto type = node->input(0)->type()->cast<c10::ClassType>();
    return type ? type->findMethod(node->s(torch::jit::attr::name)) : nullptr;
  }
  return nullptr;
}

// How many nodes graphs have once their calls are replaced, each function counted once.
class InlinedSize {
 public:
  int64_t of(const torch::jit::Block* block) {
    int64_t size = 0;
    for (const Node* node : block->nodes()) {
      ++size;
      for (const auto* inner : node->blocks()) size += of(inner);
      if (const auto* function = callee(node)) size += of(function);
      if (size > kMostNodes) {
        throw ModelError("runs more than " + std::to_string(kMostNodes) + " operators, calls counted",
                         Reason::kTooLarge);
      }
    }
    return size;
  }

 private:
  int64_t of(const torch::jit::Function* function) {
    if (const auto found = known_.find(function); found != known_.end()) return found->second;
    const auto* compiled = dynamic_cast<const torch::jit::GraphFunction*>(function);
    const int64_t size = compiled ? of(compiled->graph()->block()) : 0;
    known_.emplace(function, size);
    return size;
  }

  std::unordered_map<const torch::jit::Function*, int64_t> known_;
};

}  // namespace

std::shared_ptr<Graph> inlined(const torch::jit::Method& method) {
  InlinedSize().of(method.graph()->block());
  auto graph = method.graph()->copy();
  torch::jit::Inline(*graph);
  return graph;
}

}  // namespace legrad::graph
