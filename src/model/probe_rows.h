#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace legrad::model {

/// Which rows along `dim` of `values` an output depends on, ascending. Found on all images of `values` together.
///
/// A row counts where a gradient leads to it, or where the output changes with its contents (a max that another row
/// wins has no gradient). NaN decides only where nothing else tells, as for a head of zeros: a product with 0 passes it
/// on.
std::vector<int64_t> find_rows_read(const std::function<at::Tensor(const at::Tensor&)>& output_of,
                                    const at::Tensor& values, int64_t dim);

}  // namespace legrad::model
