#pragma once

#include <ATen/Functions.h>
#include <legrad/structure.h>

namespace legrad {

/// Maps are float32, and float64 for a float64 model, whatever the model's dtype: sums over heads and rows underflow in
/// the half types.
inline at::Tensor in_maps_dtype(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? tensor : tensor.to(at::kFloat);
}

/// Values of all tokens [..., N] to values of the patches on their grid [..., rows, columns].
inline at::Tensor on_patch_grid(const at::Tensor& values, const Structure& structure) {
  const auto places = at::tensor(structure.patch_positions, at::TensorOptions().dtype(at::kLong)).to(values.device());
  return values.index_select(-1, places).unflatten(-1, {structure.grid.rows, structure.grid.columns});
}

}  // namespace legrad
