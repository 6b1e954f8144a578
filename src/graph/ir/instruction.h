#pragma once

#include <ATen/core/ivalue.h>

#include <functional>
#include <vector>

#include "graph/ir/ir.h"

namespace legrad::graph {

/// Runs one node of a straight line on values. Shared by the straightener and by programs.
using Step = std::function<void(std::vector<c10::IValue>& stack)>;

/// One operator of a program: what it is, and the registers that it reads and writes. Its attributes are registers too,
/// in which constants stand.
struct Instruction {
  c10::Symbol kind;
  const Node* node = nullptr;  ///< its schema, and its place in the model's source
  Step kernel;
  std::vector<int> inputs;   ///< registers
  std::vector<bool> moves;   ///< whether that input is used here for the last time
  std::vector<int> outputs;  ///< registers; -1 where nobody reads it
};

}  // namespace legrad::graph
