#pragma once

#include <ATen/core/Tensor.h>

#include "graph/ir/source.h"
#include "graph/passes/straighten.h"
#include "model/text_network.h"

namespace legrad::model {

/// Cuts a text tower into stages, and sees that they give for `ids` [B, N] the embeddings that the whole gives (1e-5 at
/// most where that is more than its dtype's), and that every block's attention is what its context is made by. Throws
/// `ModelError` where that cannot be.
TextStages cut_text_stages(const graph::Source& source, const at::Tensor& ids, const at::Tensor& embeddings,
                           const graph::StraightenOptions& options);

/// What one block gave, and Z' behind it.
struct TextBlockRun {
  Attention attention;
  at::Tensor context;  ///< O [K, h, N, e]
  at::Tensor tokens;   ///< Z' [K, N, d]
};

/// Runs one block; under grad mode what it gives can be differentiated, but the attention.
TextBlockRun run_block(const TextStages::Block& block, const at::Tensor& tokens, const at::Tensor& ids);

}  // namespace legrad::model
