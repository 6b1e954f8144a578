#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/sweep.h>

#include <cstdint>

namespace legrad {

/// R_O / O, what an attention map's relevance is made of; 0 where the context is.
inline at::Tensor context_share(const RelevanceBlock& block) {
  return (block.context_relevance / block.context).masked_fill(block.context == 0, 0);
}

/// Rows [first, first + count) of R_A [B, h, count, N], half of what O = A V got: A ⊙ ((R_O / O) Vᵀ) / 2.
inline at::Tensor map_relevance(const Attention& attention, const at::Tensor& context_share, int64_t first,
                                int64_t count) {
  return attention.rows(first, count) * attention.gradient_rows(context_share.narrow(2, first, count)) / 2;
}

}  // namespace legrad
