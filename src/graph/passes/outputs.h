#pragma once

#include <ATen/core/ivalue.h>

#include <string>

#include "graph/ir/ir.h"

namespace legrad::graph {

/// One output of possibly many.
struct Output {
  std::string name;   ///< a dict's or named tuple's name for it, or its index
  Value* place;       ///< on the straight line
  c10::IValue value;  ///< on the example
};

/// Whether a value can be what is explained: class scores or an embedding [B, C].
bool is_prediction(const c10::IValue& value);

/// Chooses from what a model returns, a tensor or a dict, tuple or list of tensors: the output with the wanted name or
/// index, or else the first of shape [B, C]. Throws `ModelError` with all there are.
Output choose_output(Value* place, const c10::IValue& value, const std::string& wanted);

}  // namespace legrad::graph
