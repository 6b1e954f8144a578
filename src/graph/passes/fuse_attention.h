#pragma once

#include <string>
#include <unordered_map>

#include "graph/ir/line.h"

namespace legrad::graph {

/// What stood in the file for each attention of a line, by its node.
using AttentionForms = std::unordered_map<const Node*, std::string>;

/// Replaces attention that is spelled out, softmax(Q Kᵀ · scale + mask) V, by `scaled_dot_product_attention`, so that
/// every attention of the line has one form and none of them makes an N×N map. Returns the form each replaced node had.
/// Throws `ModelError` where a softmax is used as attention in a way that has no such form.
AttentionForms fuse_attention(StraightLine& line);

}  // namespace legrad::graph
