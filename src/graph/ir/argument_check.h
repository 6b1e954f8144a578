#pragma once

#include <ATen/core/ivalue.h>

#include <vector>

#include "graph/ir/ir.h"

namespace legrad::graph {

/// For the operators that are safe for some arguments alone: throws `ModelError` where theirs would read beyond a
/// tensor, stop the process, or make a result whose size no shape tells.
void check_arguments(const Node* node, const std::vector<c10::IValue>& arguments, int64_t most_elements);

}  // namespace legrad::graph
