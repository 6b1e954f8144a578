#pragma once

#include <unordered_set>

#include "graph/ir/line.h"

namespace legrad::graph {

/// The values that depend on what is in the line's input, and not on its size alone.
std::unordered_set<const Value*> depends_on_input(const StraightLine& line);

/// Likewise those that depend on what is in one of the line's values, itself among them.
std::unordered_set<const Value*> depends_on(const StraightLine& line, const Value* value);

}  // namespace legrad::graph
