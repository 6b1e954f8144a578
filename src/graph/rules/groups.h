#pragma once

#include <map>
#include <string>

#include "graph/ir/rules.h"

namespace legrad::graph {

using RuleRows = std::map<std::string, Rule>;

/// Operators that move numbers about, copy them or leave some out. What comes back goes where it came from, in every
/// table.
RuleRows move_rules();

/// Sums, products of numbers, powers, activations and means.
RuleRows arithmetic_rules();

/// Linear layers, matrix products, convolutions and layer norms.
RuleRows product_rules();

/// Softmax, and attention by it.
RuleRows attention_rules();

}  // namespace legrad::graph
