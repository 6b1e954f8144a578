#pragma once

#include <algorithm>
#include <cstdint>

namespace legrad {

/// Calls `use(first, count)` for rows [begin, end) some after others, at most `step` of them at a time.
template <class Use>
void for_each_chunk(int64_t begin, int64_t end, int64_t step, const Use& use) {
  for (int64_t first = begin; first < end; first += step) use(first, std::min(step, end - first));
}

}  // namespace legrad
