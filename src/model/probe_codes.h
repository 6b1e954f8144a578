#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace legrad::model {

/// Finds for each of many places which of `count` sources it is made of, and that it is made of one alone.
///
/// Each source has a code, half of whose bits are set, and `changed(mask)` says for each place whether it changed when
/// the sources marked in `mask` [count] did. What a place answers to each bit is the code of its source; a place made
/// of two sources answers with the union of two codes, which has more bits than a code, so that mixing cannot pass for
/// a source.
///
/// Returns the source of each place, -1 for a place that never changed; nothing where a place is made of several
/// sources, or a source is met at two places.
std::optional<std::vector<int64_t>> find_sources(int64_t count,
                                                 const std::function<at::Tensor(const at::Tensor& mask)>& changed);

/// Whether each slice of `a` along `dim` differs from that of `b` in a bit: [size(dim)] on the CPU. The tensors must
/// come from runs of the same shapes, so that rounding is the same. NaN is different from a number, and equal to NaN.
at::Tensor changed_slices(const at::Tensor& a, const at::Tensor& b, int64_t dim);

}  // namespace legrad::model
