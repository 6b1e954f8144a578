#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/structure.h>
#include <legrad/sweep.h>

#include <cstdint>
#include <string>

namespace legrad {

/// For who divides relevance by sums that nearly cancel.
inline void expect_precision(const Structure& structure, const char* method) {
  if (structure.dtype == at::kFloat || structure.dtype == at::kDouble) return;
  throw InputError(std::string(method) +
                       " divides by sums that nearly cancel, for which the model's dtype is too coarse; "
                       "load it in float32",
                   Reason::kNoMeaning);
}

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
