#pragma once

#include <memory>

#include "graph/ir/rules.h"

namespace legrad::graph {

/// The vector-Jacobian product of every operator that the models of the matrix are made of, as plain operators: the
/// same gradients as autograd's. An attention's makes a few rows of its map at a time.
std::shared_ptr<const Rules> vjp_rules();

}  // namespace legrad::graph
