#pragma once

#include "graph/ir/ir.h"

namespace legrad::graph {

/// Makes one operator of an activation that is spelled as a value gated by itself, x · sigmoid(c x), as SiLU and quick
/// GELU are: silu(c x) / c. So a table of rules sees an activation, and no product of two values.
void recompose_activations(Graph& graph);

}  // namespace legrad::graph
