#pragma once

#include <ATen/Functions.h>
#include <legrad/attention.h>
#include <legrad/structure.h>

#include <array>
#include <cstdint>
#include <vector>

#include "methods/for_each_chunk.h"
#include "model/rows.h"

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

/// row · mean_h A_h of an attention's own maps, [B, N] in double from a row [B, M] in double. The maps' numbers are
/// multiplied as they are, in float32 as a rule.
at::Tensor row_times_mean_map(const at::Tensor& row, const Attention& attention);

/// The rows of the explained attention that the output is computed from: the readout rows of a block's, the queries
/// read of a pooler's.
inline const std::vector<int64_t>& rows_read(const Structure& structure) {
  return structure.readout == ReadoutKind::kPooler ? structure.pooler_queries_read : structure.readout_rows;
}

/// The uniform mean of the rows that are read, as a row [B, M] in double: 1/R in each of the R, 0 in the others.
inline at::Tensor readout_row(const Structure& structure, const Attention& attention) {
  const std::array<int64_t, 2> size = {attention.batch(), attention.queries()};
  const auto& read = rows_read(structure);
  auto row = at::zeros(size, attention.value.options().dtype(at::kDouble));
  model::for_each_run(read, [&](int64_t first, int64_t count) {
    row.narrow(1, first, count).fill_(1.0 / static_cast<double>(read.size()));
  });
  return row;
}

/// The uniform mean of the rows of X [B, M, N] that are read, [B, N] in double.
template <class Rows>
at::Tensor readout_row_of(const Structure& structure, const Attention& attention, const Rows& rows) {
  const auto& read = rows_read(structure);
  return row_times(readout_row(structure, attention), attention, rows, read.front(), read.back() + 1);
}

}  // namespace legrad
