#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/structure.h>

namespace legrad {

/// Values of all tokens [..., N] to values of the patches on their grid [..., rows, columns].
at::Tensor on_patch_grid(const at::Tensor& values, const Structure& structure);

/// The entries of the patches along dimension `dim` of N tokens, in the order of the grid.
at::Tensor select_patches(const at::Tensor& values, int64_t dim, const Structure& structure);

/// Maps are float32, and float64 for a float64 model, whatever the model's dtype: sums over heads and rows underflow in
/// the half types. This brings the model's numbers there,
at::Tensor in_maps_dtype(const at::Tensor& tensor);

/// and this what was computed in double.
at::Tensor in_maps_dtype(const at::Tensor& tensor, const Structure& structure);

}  // namespace legrad
