#pragma once

// The names of TorchScript's intermediate representation that the graph layer works with. No other folder includes
// torch/csrc/jit.

#include <torch/csrc/jit/ir/ir.h>

#include <memory>
#include <string>
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

/// "aten::linear" and where it stands in the model's own source, in one short line.
std::string describe(const Node* node);

/// What an exception says, without the stack traces LibTorch adds: its first line that tells something.
std::string first_line(const std::exception& error);

}  // namespace legrad::graph
