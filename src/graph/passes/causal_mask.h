#pragma once

#include "graph/ir/line.h"

namespace legrad::graph {

/// `scaled_dot_product_attention` may be told that it is causal instead of being given a mask. Gives it the mask: true
/// for the keys that a query sees, those up to its own place.
void write_causal_masks(StraightLine& line);

}  // namespace legrad::graph
