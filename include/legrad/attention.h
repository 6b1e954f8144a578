#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace legrad {

/// One softmax attention, O = A V with A = softmax(Q Kᵀ · scale + mask), as a method sees it. A itself, [B, h, M, N],
/// is never stored: methods take a few rows of it at a time.
///
/// Shapes: B images, h heads, M queries (N for self-attention, 1 as a rule for a pooler), N tokens, e width of a head.
struct Attention {
  at::Tensor query;  ///< Q [B, h, M, e]
  at::Tensor key;    ///< K [B, h, N, e]
  at::Tensor value;  ///< V [B, h, N, e_v]
  at::Tensor mask;   ///< added before the softmax, broadcast to [B, h, M, N]; undefined where there is none
  double scale = 1;

  int64_t batch() const { return value.size(0); }
  int64_t heads() const { return value.size(1); }
  int64_t queries() const { return query.size(2); }
  int64_t tokens() const { return value.size(2); }

  /// Rows [first, first + count) of A, [B, h, count, N], in float32 (float64 for a float64 model).
  at::Tensor rows(int64_t first, int64_t count) const;

  /// The same rows of ∂s/∂A, which is ⟨∂s/∂O_{h,i}, V_{h,j}⟩, from the rows' gradient ∂s/∂O [..., B, h, count, e_v].
  at::Tensor gradient_rows(const at::Tensor& context_gradient) const;

  /// That of one image and one head, B = h = 1.
  Attention of(int64_t image, int64_t head) const;

  /// How many rows of an [B, h, rows, N] chunk keep within a few megabytes; at least 1.
  int64_t rows_per_chunk() const;
};

}  // namespace legrad
