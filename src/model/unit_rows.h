#pragma once

#include <ATen/core/Tensor.h>

namespace legrad::model {

/// Rows [..., d] of length 1, as torch.nn.functional.normalize makes them; rows of zeros stay.
at::Tensor unit_rows(const at::Tensor& rows);

}  // namespace legrad::model
