#pragma once

#include "graph/ir/source.h"

namespace legrad::graph {

/// The source with torch's fused multi-head attention (`aten::_native_multi_head_attention`, which
/// nn.MultiheadAttention exports to, and which has no gradient) replaced by linear layers around
/// `scaled_dot_product_attention`, in all branches. The source that was given stays as it is.
Source unfuse_attention(const Source& source);

}  // namespace legrad::graph
