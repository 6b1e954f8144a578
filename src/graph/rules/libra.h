#pragma once

#include <memory>

#include "graph/ir/rules.h"

namespace legrad::graph {

/// LibraGrad's gradients (Mehri et al., CVPR 2025): what is no linear map of its input becomes one, by pruning or scaling
/// what passes back, so that an input times its gradient, and biases times theirs, add up to the score. Attention maps,
/// an activation's output over its input, and the spread of a norm are constants; a product of two values gives half to
/// each. For gradients alone these are the rules of conservative propagation.
std::shared_ptr<const Rules> libra_rules();

}  // namespace legrad::graph
