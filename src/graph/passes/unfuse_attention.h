#pragma once

#include "graph/ir/ir.h"
#include "graph/ir/source.h"

namespace legrad::graph {

/// Whether a node is an operator that holds a whole attention, or a whole encoder layer, and has no gradient.
bool is_fused_attention(const Node* node);

/// The source with torch's fused multi-head attention (`aten::_native_multi_head_attention`, which
/// nn.MultiheadAttention exports to) and encoder layer (`aten::_transformer_encoder_layer_fwd`, of
/// nn.TransformerEncoder) replaced by linear layers and norms around `scaled_dot_product_attention`, in all branches.
/// The source that was given stays as it is.
Source unfuse_attention(const Source& source);

}  // namespace legrad::graph
