#include <legrad/patch_map.h>

#include "model/rows.h"

namespace legrad {

at::Tensor on_patch_grid(const at::Tensor& values, const Structure& structure) {
  return select_patches(values, -1, structure)
      .unflatten(-1, {structure.image->grid.rows, structure.image->grid.columns});
}

at::Tensor select_patches(const at::Tensor& values, int64_t dim, const Structure& structure) {
  return model::select_rows(values, dim, structure.image->patch_positions);
}

at::Tensor in_maps_dtype(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? tensor : tensor.to(at::kFloat);
}

at::Tensor in_maps_dtype(const at::Tensor& tensor, const Structure& structure) {
  return tensor.to(structure.dtype == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace legrad
