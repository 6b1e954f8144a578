#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "graph/ir/line.h"

namespace legrad::graph {

/// Tensors that every path from the line's input to its output passes, in the order of the line: the articulation
/// points of its data flow. With a value of the line in place of its input, itself is the first of them.
std::vector<Value*> articulation_points(const StraightLine& line, const std::unordered_set<const Value*>& depending,
                                        const Value* from = nullptr);

/// The last articulation point before each attention. Throws `ModelError` where there is none.
std::vector<size_t> places_before(const std::vector<Value*>& points, const std::vector<Node*>& attentions);

/// The residual stream: where on the list of articulation points the tokens Z^0 ... Z^L stand, one more than there are
/// attentions, each of which stands in a block of its own. A block ends where the next begins; positions that are added
/// between two blocks belong to the next. The last block ends like one of those before it.
///
/// Throws `ModelError` unless all blocks hand on tokens of one shape, and the end of the last one can be told.
std::vector<size_t> find_stream(const StraightLine& line, const std::vector<Value*>& points,
                                const std::unordered_set<const Value*>& depending,
                                const std::vector<Node*>& attentions);

/// What models with more than one stream, or with windows, are told.
inline const char* const kNotOneStreamHint =
    "; hierarchical, windowed and multi-stream models (Swin, MaxViT, CrossViT …) cannot be explained yet";

/// "[2, 197, 768]".
std::string text(const std::vector<int64_t>& sizes);

}  // namespace legrad::graph
