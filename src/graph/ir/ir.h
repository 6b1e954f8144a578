#pragma once

// The names of TorchScript's intermediate representation that the graph layer works with. No other folder includes
// torch/csrc/jit.

#include <torch/csrc/jit/ir/ir.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace legrad::graph {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = torch::jit::prim;
namespace aten = torch::jit::aten;

/// Whether a node is the aten operator `name`, whatever its overload.
bool is_aten(const Node* node, const char* name);

/// Whether a node is a convolution, in any of its spellings.
bool is_convolution(const Node* node);

/// Calls `f` with every node of a block, those in branches and loops too, outer before inner.
template <typename Block, typename F>
void for_each_node(Block* block, const F& f) {
  for (auto* node : block->nodes()) {
    f(node);
    for (auto* inner : node->blocks()) for_each_node(inner, f);
  }
}

/// Calls `f` with every node of a graph.
template <typename F>
void for_each_node(Graph& graph, const F& f) {
  for_each_node(graph.block(), f);
}
template <typename F>
void for_each_node(const Graph& graph, const F& f) {
  for_each_node(graph.block(), f);
}

/// Whether an operator of torch's profiler of that name marks where a piece of the forward begins or ends.
bool is_profiler_mark(std::string_view name);

/// Every aten operator `name` of a graph.
std::vector<Node*> find_all(Graph& graph, const char* name);

/// "aten::linear" and where it stands in the model's own source, in one short line.
std::string describe(const Node* node);

/// What an exception says, without the stack traces LibTorch adds: its first line that tells something.
std::string first_line(const std::exception& error);

}  // namespace legrad::graph
