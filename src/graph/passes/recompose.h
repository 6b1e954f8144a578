#pragma once

#include "graph/ir/line.h"

namespace legrad::graph {

/// `torch.export(...).run_decompositions()` writes operators as the core ones they are made of: a linear layer as
/// `addmm` of flattened rows, a product of [B, h, N, e] as `bmm` of [B·h, N, e], a layer norm as `native_layer_norm`,
/// attention's softmax with a guard for rows that are masked throughout. Puts the operators back they came from, so
/// that whoever looks for them finds one form.
void recompose(StraightLine& line);

}  // namespace legrad::graph
