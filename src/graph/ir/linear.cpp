#include "graph/ir/linear.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <vector>

namespace legrad::graph {
namespace {

// Products of a few rows, as those of readout rows for some targets, are nothing but the reading of the weights. On the
// way forwards that holds for more rows than on the way back, where libraries do well with four already.
constexpr int64_t kFewForwards = 32;
constexpr int64_t kFewBack = 3;

bool has_few_rows(const at::Tensor& rows, const at::Tensor& weight, int64_t most) {
  return rows.is_cpu() && weight.dim() == 2 && weight.is_contiguous() && rows.numel() <= most * rows.size(-1) &&
         (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kDouble) && at::get_num_threads() > 1;
}

// The most slices, 8 at most, that divide the rows evenly.
int64_t count_slices(int64_t rows) {
  int64_t slices = 8;
  while (rows % slices != 0) slices /= 2;
  return slices;
}

}  // namespace

at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  if (!has_few_rows(input, weight, kFewForwards)) return at::linear(input, weight, bias);
  // Rows times slices, not slices times columns: of the two, autograd takes the gradient of this one fast.
  const int64_t slices = count_slices(weight.size(0));
  const auto rows = input.reshape({1, -1, weight.size(1)}).expand({slices, -1, -1});
  auto sizes = input.sizes().vec();
  sizes.back() = weight.size(0);
  const auto products = rows.bmm(weight.unflatten(0, {slices, -1}).transpose(1, 2));  // [slices, rows, outputs]
  const auto output = products.transpose(0, 1).reshape(sizes);
  return bias && bias->defined() ? output + *bias : output;
}

at::Tensor linear_back(const at::Tensor& cotangent, const at::Tensor& weight) {
  if (!has_few_rows(cotangent, weight, kFewBack)) return cotangent.matmul(weight);
  const int64_t slices = count_slices(weight.size(0));
  const auto rows = cotangent.reshape({-1, slices, weight.size(0) / slices}).transpose(0, 1);
  auto sizes = cotangent.sizes().vec();
  sizes.back() = weight.size(1);
  return rows.bmm(weight.unflatten(0, {slices, -1})).sum(0).reshape(sizes);  // of [slices, rows, inputs]
}

}  // namespace legrad::graph
