#pragma once

#include "graph/ir/ir.h"
#include "graph/passes/straighten.h"

namespace legrad::graph {

/// Replaces torch's fused multi-head attention (`aten::_native_multi_head_attention`, which nn.MultiheadAttention exports
/// to, and which has no gradient) by linear layers around `scaled_dot_product_attention`, in all branches.
void unfuse_attention(Graph& graph);

/// Replaces an einsum of two tensors that is one matrix product for each of a batch, such as "bhid,bhjd->bhij", by that
/// product.
void decompose_einsum(StraightLine& line);

/// Replaces attention that is spelled out, softmax(Q Kᵀ · scale + mask) V, by `scaled_dot_product_attention`, so that every
/// attention of the line has one form and none of them makes an N×N map. Returns the form each replaced node had, by the
/// new node. Throws `ModelError` where a softmax is used as attention in a way that has no such form.
std::unordered_map<const Node*, std::string> fuse_attention(StraightLine& line);

}  // namespace legrad::graph
