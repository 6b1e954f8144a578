#pragma once

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace legrad::model {

/// Chosen, ascending rows of a tensor along `dim`; a view where they are neighbours.
inline at::Tensor select_rows(const at::Tensor& tensor, int64_t dim, const std::vector<int64_t>& rows) {
  const auto count = static_cast<int64_t>(rows.size());
  if (rows.back() - rows.front() == count - 1) return tensor.narrow(dim, rows.front(), count);
  return tensor.index_select(dim, at::tensor(rows, at::TensorOptions().dtype(at::kLong)).to(tensor.device()));
}

}  // namespace legrad::model
