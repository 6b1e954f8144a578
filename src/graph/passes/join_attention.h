#pragma once

#include <vector>

#include "graph/passes/anatomy.h"

namespace legrad::graph {

/// Makes one attention of those that stand side by side in one block, between the same two values of the stream: their
/// queries, keys and values become the heads of one, of whose context each gets its own heads back. The mean over the
/// heads of the one is then the mean over the attentions.
///
/// Throws `ModelError` where one of them needs what another one gives, or where they are not of one shape.
void join_side_by_side(std::vector<AttentionSite>& sites, StraightLine& line, const std::vector<Value*>& points);

}  // namespace legrad::graph
