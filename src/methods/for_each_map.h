#pragma once

#include <ATen/Parallel.h>
#include <legrad/attention.h>

#include <algorithm>
#include <cstdint>

#include "model/grad_scope.h"

namespace legrad {

/// Rows of one head's map that a core's own cache has room for, but so many at least that a product with K is more than
/// the laying out of K.
inline int64_t rows_in_cache(const Attention& attention) {
  constexpr int64_t kNumbers = 1 << 17;
  constexpr int64_t kLeast = 64;
  return std::min(std::max(kNumbers / attention.tokens(), kLeast), attention.queries());
}

/// Calls `use(image, head)` for every map [M, N] of an attention on a CPU, each on one core whatever the number of
/// threads. It pays where a map has many rows.
template <class Use>
void for_each_map(const Attention& attention, const Use& use) {
  const int64_t heads = attention.heads();
  at::parallel_for(0, attention.batch() * heads, 1, [&](int64_t begin, int64_t end) {
    const model::GradScope scope(false);  // a thread has modes of its own
    for (int64_t i = begin; i < end; ++i) use(i / heads, i % heads);
  });
}

}  // namespace legrad
