#pragma once

#include "graph/ir/line.h"

namespace legrad::graph {

/// Replaces an einsum of two tensors that is one matrix product for each of a batch, such as "bhid,bhjd->bhij", by that
/// product.
void decompose_einsum(StraightLine& line);

}  // namespace legrad::graph
