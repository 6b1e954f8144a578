#include "graph/ir/linear.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

namespace legrad::graph {
namespace {

// Products of a few rows, as those of readout rows for some targets, are nothing but the reading of the weights.
bool has_few_rows(const at::Tensor& input, const at::Tensor& weight) {
  constexpr int64_t kMost = 32;
  return input.is_cpu() && weight.dim() == 2 && weight.is_contiguous() && input.numel() <= kMost * weight.size(1) &&
         (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kDouble);
}

// The most slices, 8 at most, that divide the rows evenly.
int64_t count_slices(int64_t rows) {
  int64_t slices = 8;
  while (rows % slices != 0) slices /= 2;
  return slices;
}

}  // namespace

at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  if (!has_few_rows(input, weight) || at::get_num_threads() == 1) return at::linear(input, weight, bias);
  // Rows times slices, not slices times columns: of the two, autograd takes the gradient of this one fast.
  const int64_t slices = count_slices(weight.size(0));
  const auto rows = input.reshape({1, -1, weight.size(1)}).expand({slices, -1, -1});
  auto sizes = input.sizes().vec();
  sizes.back() = weight.size(0);
  const auto products = rows.bmm(weight.unflatten(0, {slices, -1}).transpose(1, 2));  // [slices, rows, outputs]
  const auto output = products.transpose(0, 1).reshape(sizes);
  return bias && bias->defined() ? output + *bias : output;
}

}  // namespace legrad::graph
