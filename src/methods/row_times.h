#pragma once

#include <ATen/Functions.h>
#include <legrad/attention.h>
#include <legrad/structure.h>

#include <array>
#include <cstdint>

#include "methods/for_each_chunk.h"

namespace legrad {

/// row · X for a row [B, M] in double and a matrix X [B, M, N] as large as an attention map, of which `rows(first,
/// count)` gives some rows [B, count, N] at a time. Rows of X outside [begin, end) are not looked at. Returns [B, N] in
/// double.
template <class Rows>
at::Tensor row_times(const at::Tensor& row, const Attention& attention, const Rows& rows, int64_t begin, int64_t end) {
  auto product = at::zeros({attention.batch(), attention.tokens()}, row.options());
  for_each_chunk(begin, end, attention.rows_per_chunk(), [&](int64_t first, int64_t count) {
    product += row.narrow(1, first, count).unsqueeze(1).matmul(rows(first, count).to(at::kDouble)).squeeze(1);
  });
  return product;
}

template <class Rows>
at::Tensor row_times(const at::Tensor& row, const Attention& attention, const Rows& rows) {
  return row_times(row, attention, rows, 0, attention.queries());
}

/// The uniform mean of the rows that the readout looks at, as a row [B, M] in double: 1/R in each readout row of a
/// block's attention, 1/M in each query of a pooler's.
inline at::Tensor readout_row(const Structure& structure, const Attention& attention) {
  const auto options = attention.value.options().dtype(at::kDouble);
  const std::array<int64_t, 2> size = {attention.batch(), attention.queries()};
  if (structure.readout == ReadoutKind::kPooler) return at::full(size, 1.0 / static_cast<double>(size[1]), options);
  const auto& read = structure.readout_rows;
  auto row = at::zeros(size, options);
  for (const int64_t i : read) row.select(1, i).fill_(1.0 / static_cast<double>(read.size()));
  return row;
}

/// The uniform mean of the rows of X [B, M, N] that the readout looks at, [B, N] in double.
template <class Rows>
at::Tensor readout_row_of(const Structure& structure, const Attention& attention, const Rows& rows) {
  const bool pooler = structure.readout == ReadoutKind::kPooler;
  return row_times(readout_row(structure, attention), attention, rows, pooler ? 0 : structure.readout_rows.front(),
                   pooler ? attention.queries() : structure.readout_rows.back() + 1);
}

}  // namespace legrad
