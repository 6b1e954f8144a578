#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/rules.h>

#include <cstdint>

namespace legrad::graph {

/// As many rows of attention maps as keep within a few megabytes, where a row of all of them has so many numbers: on a
/// CPU what stays in its caches; elsewhere starting a kernel costs more than memory does.
int64_t rows_at_once(const at::Tensor& query, int64_t in_a_row);

/// Some rows of A = softmax(Q Kᵀ · scale + mask) at a time.
struct AttentionRows {
  at::Tensor query, key, value, mask;
  double scale;

  /// Rows [first, first + count) of A.
  at::Tensor operator()(int64_t first, int64_t count) const;

  /// As many rows as `rows_at_once` says.
  int64_t at_once() const;
};

/// Of a `scaled_dot_product_attention`. Refuses dropout, causal attention, and a mask that depends on the input.
AttentionRows attention_rows(const Call& call);

}  // namespace legrad::graph
