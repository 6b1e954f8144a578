#pragma once

#include <memory>

#include "graph/ir/rules.h"

namespace legrad::graph {

/// The gradient along the direct path (Gandelsman et al., ICLR 2024): what a block adds to the stream reaches the
/// output by residual connections alone, so nothing passes an activation, a gate or another attention.
std::shared_ptr<const Rules> direct_rules();

/// The gradient with the mean and the spread of norms, and lengths, held as they are.
std::shared_ptr<const Rules> held_norm_rules();

/// Its rule for a layer norm.
Shares held_layer_norm(const Call& call, const Cotangent& back);

}  // namespace legrad::graph
