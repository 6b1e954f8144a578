#pragma once

#include <ATen/Functions.h>
#include <legrad/structure.h>

#include <vector>

namespace legrad {

/// Maps are float32, and float64 for a float64 model, whatever the model's dtype: sums over heads and rows underflow in
/// the half types.
inline at::Tensor in_maps_dtype(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? tensor : tensor.to(at::kFloat);
}

/// What is computed in double as a map.
inline at::Tensor in_maps_dtype(const at::Tensor& tensor, const Structure& structure) {
  return tensor.to(structure.dtype == at::kDouble ? at::kDouble : at::kFloat);
}

/// The entries of the patches along dimension `dim` of N tokens, in the order of the grid.
inline at::Tensor select_patches(const at::Tensor& values, int64_t dim, const Structure& structure) {
  const auto places = at::tensor(structure.patch_positions, at::TensorOptions().dtype(at::kLong)).to(values.device());
  return values.index_select(dim, places);
}

/// Values of all tokens [..., N] to values of the patches on their grid [..., rows, columns].
inline at::Tensor on_patch_grid(const at::Tensor& values, const Structure& structure) {
  return select_patches(values, -1, structure).unflatten(-1, {structure.grid.rows, structure.grid.columns});
}

/// Target `target`'s entry of a list that grows as targets come.
inline at::Tensor& of_target(std::vector<at::Tensor>& all, int64_t target) {
  if (static_cast<int64_t>(all.size()) <= target) all.resize(target + 1);
  return all[target];
}

}  // namespace legrad
