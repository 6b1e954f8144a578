#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <optional>

namespace legrad {

struct RawAttentionOptions {
  std::optional<int64_t> layer = {};  ///< block from 0, negative: from the end; default: the last. None with a pooler
};

/// Raw attention (LeGrad's eq. 14 and, for poolers, §8.5).
///
///   map_j = mean_h A_{h,cls,j},   patches j only
///
/// A is the block's self-attention, or the pooler's attention in a model with one. Where the readout looks at several
/// rows (means of tokens, distilled models, several pooler queries), "cls" is their uniform mean. Does not look at the
/// targets, which only say K: every target gets the same map, and without any K = 1.
/// Returns raw maps [B, K, rows, columns] in [0, 1] in float32 (float64 for a float64 model).
at::Tensor raw_attention(const Vit& vit, const at::Tensor& images, const Target& targets = {},
                         const RawAttentionOptions& options = {});

/// The method for `explain`.
Method raw_attention_method(const RawAttentionOptions& options = {});

/// "raw_attention", its options by name.
MethodRow raw_attention_row();

}  // namespace legrad
