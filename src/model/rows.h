#pragma once

#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace legrad::model {

/// Calls `work(first, count)` for every run of neighbours in a list of rows, as 0 1 2, then 7 8.
template <class Work>
void for_each_run(const std::vector<int64_t>& rows, const Work& work) {
  for (size_t first = 0, end = 0; first < rows.size(); first = end) {
    for (end = first + 1; end < rows.size() && rows[end] == rows[end - 1] + 1;) ++end;
    work(rows[first], static_cast<int64_t>(end - first));
  }
}

/// Chosen rows of a tensor along `dim`, in the order given; a view where they are neighbours. Put together from slices:
/// an index would have to be brought to the tensor's device every time.
inline at::Tensor select_rows(const at::Tensor& tensor, int64_t dim, const std::vector<int64_t>& rows) {
  std::vector<at::Tensor> parts;
  for_each_run(rows, [&](int64_t first, int64_t count) { parts.push_back(tensor.narrow(dim, first, count)); });
  return parts.size() == 1 ? parts[0] : at::cat(parts, dim);
}

}  // namespace legrad::model
