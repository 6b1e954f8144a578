#include "model/unit_rows.h"

#include <ATen/TensorOperators.h>

namespace legrad::model {

at::Tensor unit_rows(const at::Tensor& rows) {
  constexpr double kSmallest = 1e-12;
  return rows / rows.norm(2, -1, /*keepdim=*/true).clamp_min(kSmallest);
}

}  // namespace legrad::model
