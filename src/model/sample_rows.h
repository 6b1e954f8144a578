#pragma once

#include <cstdint>
#include <vector>

namespace legrad::model {

/// Some of `count` rows that stand for all of them, in order: those `wanted`, the first, the last, and a few in no regular
/// pattern, so that what goes to another row, or comes of others, shows. Empty where these are most of the rows.
std::vector<int64_t> sample_rows(int64_t count, const std::vector<int64_t>& wanted);

}  // namespace legrad::model
