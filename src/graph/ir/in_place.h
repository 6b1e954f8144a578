#pragma once

#include "graph/ir/instruction.h"

namespace legrad::graph {

/// The step of a node, `ordinary`, or one that does the same and writes its result over an operand that nobody else
/// has any more: a layer's largest tensors are then made once, not once for each operator between two products. Values
/// are the same to the last digit. Where autograd may record, where an operand is shared, seen through a view or of
/// another shape or type than the result, the ordinary step runs.
Step in_place(const Node* node, Step ordinary);

}  // namespace legrad::graph
