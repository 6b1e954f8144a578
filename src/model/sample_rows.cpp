#include "model/sample_rows.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>

#include <algorithm>

namespace legrad::model {

std::vector<int64_t> sample_rows(int64_t count, const std::vector<int64_t>& wanted) {
  constexpr int64_t kOthers = 16;
  auto rows = wanted;
  rows.push_back(0);
  rows.push_back(count - 1);
  auto generator = at::detail::createCPUGenerator(/*seed=*/19);
  const auto shuffled = at::randperm(count, generator, at::TensorOptions().dtype(at::kLong));
  for (int64_t i = 0; i < std::min(kOthers, count); ++i) rows.push_back(shuffled[i].item<int64_t>());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  if (2 * static_cast<int64_t>(rows.size()) > count) rows.clear();
  return rows;
}

}  // namespace legrad::model
