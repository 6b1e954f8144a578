#pragma once

#include <unordered_set>

#include "graph/passes/anatomy.h"

namespace legrad::graph {

/// What stands around an attention whose block adds it to the stream as it is: Z + P(O), with Q, K and V projected from
/// one value.
struct Added {
  Value* projected = nullptr;  ///< what Q, K and V are projected from, as a rule the norm of Z
  bool rows_first = false;     ///< whether that is [N, B, d]
  Value* added = nullptr;      ///< P(O), which is added to Z [B, N, d]
};

/// Both of a block's attention, given the line's values that depend on its input; none of them where it is another's:
/// Q, K and V from several values, or an attention that joins the stream behind a norm or with something else.
Added find_added(const StraightLine& line, const std::unordered_set<const Value*>& depending, const AttentionSite& site,
                 const Value* tokens);

}  // namespace legrad::graph
