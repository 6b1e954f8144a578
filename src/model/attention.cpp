#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/attention.h>

#include <vector>

#include "graph/rules/attention_rows.h"

namespace legrad {
namespace {

at::Tensor wide(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? tensor : tensor.to(at::kFloat);
}

// rows [B, h, n, e] times columns [B, h, e, N]. Those of one image are multiplied as they lie, its heads side by side;
// of several, in one product, they would be copied first, which for a few rows is most of it.
at::Tensor product(const at::Tensor& rows, const at::Tensor& columns) {
  const bool few = rows.size(2) < rows.size(3);
  if (rows.size(0) == 1 || !few || !rows.is_cpu()) return rows.matmul(columns);
  std::vector<at::Tensor> images;
  images.reserve(rows.size(0));
  for (int64_t image = 0; image < rows.size(0); ++image) images.push_back(rows[image].matmul(columns[image]));
  return at::stack(images);
}

}  // namespace

at::Tensor Attention::rows(int64_t first, int64_t count) const {
  auto scores = product(wide(query.narrow(2, first, count)) * scale, wide(key).transpose(-2, -1));
  if (mask.defined()) {
    const bool broadcast = mask.size(-2) == 1;
    const auto part = broadcast ? mask : mask.narrow(-2, first, count);
    if (part.scalar_type() == at::kBool) {
      scores = scores.masked_fill(part.logical_not(), -std::numeric_limits<double>::infinity());
    } else {
      scores = scores + wide(part);
    }
  }
  return scores.softmax(-1);
}

at::Tensor Attention::gradient_rows(const at::Tensor& context_gradient) const {
  const auto columns = wide(value).transpose(-2, -1);
  if (context_gradient.dim() == 4) return product(wide(context_gradient), columns);
  // Several targets are more rows of the same product: one that is broadcast over them would copy V for each.
  const auto targets = wide(context_gradient).flatten(0, -5);
  const auto rows = product(targets.permute({1, 2, 0, 3, 4}).flatten(2, 3), columns);
  const auto of_targets = rows.unflatten(2, {targets.size(0), -1}).permute({2, 0, 1, 3, 4});
  return of_targets.unflatten(0, context_gradient.sizes().slice(0, context_gradient.dim() - 4));
}

Attention Attention::of(int64_t image, int64_t head) const {
  const auto part = [&](const at::Tensor& all) { return all.narrow(0, image, 1).narrow(1, head, 1); };
  const auto of_mask = mask.defined() ? part(mask.expand({batch(), heads(), mask.size(-2), mask.size(-1)})) : mask;
  return {part(query), part(key), part(value), of_mask, scale};
}

int64_t Attention::rows_per_chunk() const { return graph::rows_at_once(query, batch() * heads() * tokens()); }

}  // namespace legrad
