#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace legrad {

/// Target `target`'s entry of a list that grows as targets come.
template <class Kept>
Kept& of_target(std::vector<Kept>& all, int64_t target) {
  if (static_cast<int64_t>(all.size()) <= target) all.resize(target + 1);
  return all[target];
}

}  // namespace legrad
