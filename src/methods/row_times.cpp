#include "methods/row_times.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "model/grad_scope.h"

namespace legrad {
namespace {

// On a CPU a chunk of one head's map that stays in a core's own cache.
constexpr int64_t kNumbersAtOnce = 1 << 17;

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
  const int64_t heads = attention.heads();
  const int64_t step = std::clamp<int64_t>(kNumbersAtOnce / attention.tokens(), 1, attention.queries());
  auto products = at::empty({attention.batch(), heads, attention.tokens()}, row.options());
  at::parallel_for(0, attention.batch() * heads, 1, [&](int64_t begin, int64_t end) {
    const model::GradScope scope(false);  // a thread has modes of its own
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / heads, head = i % heads;
      const auto product = row_times_maps(row.narrow(0, image, 1), attention.of(image, head), step);
      products[image][head].copy_(product.flatten());
    }
  });
  return products.mean(1);
}

}  // namespace legrad
