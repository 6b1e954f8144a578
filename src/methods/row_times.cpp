#include "methods/row_times.h"

#include <ATen/TensorOperators.h>

#include "methods/for_each_map.h"

namespace legrad {
namespace {

// row · A_h of all heads, [B, h, N], from a row [B, M].
at::Tensor row_times_maps(const at::Tensor& row, const Attention& attention, int64_t step) {
  auto products = at::zeros({attention.batch(), attention.heads(), 1, attention.tokens()}, row.options());
  for_each_chunk(0, attention.queries(), step, [&](int64_t first, int64_t count) {
    const auto maps = attention.rows(first, count);
    const auto part = row.narrow(1, first, count).to(maps.scalar_type()).unflatten(1, {1, 1, count});
    products += part.expand({-1, attention.heads(), -1, -1}).matmul(maps);
  });
  return products.squeeze(2);
}

}  // namespace

at::Tensor row_times_mean_map(const at::Tensor& row, const Attention& attention) {
  if (!row.is_cpu()) return row_times_maps(row, attention, attention.rows_per_chunk()).mean(1);
  auto products = at::empty({attention.batch(), attention.heads(), attention.tokens()}, row.options());
  for_each_map(attention, [&](int64_t image, int64_t head) {
    const auto map = attention.of(image, head);
    products[image][head].copy_(row_times_maps(row.narrow(0, image, 1), map, rows_in_cache(map)).flatten());
  });
  return products.mean(1);
}

}  // namespace legrad
