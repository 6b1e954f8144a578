#include "eval/bootstrap.h"

#include <algorithm>
#include <random>

namespace legrad::eval {
namespace {

void add_to(std::vector<double>& sums, const std::vector<double>& counts, double times) {
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += times * counts[i];
}

}  // namespace

Bootstrap::Bootstrap(size_t width, size_t most_groups)
    : width_(width), most_groups_(std::max<size_t>(most_groups, 2)), total_(width) {}

void Bootstrap::add(const std::vector<double>& counts) {
  if (groups_.size() < most_groups_) groups_.emplace_back(width_);
  add_to(groups_[pictures_++ % most_groups_], counts, 1);
  add_to(total_, counts, 1);
}

void Bootstrap::each(int64_t draws, uint64_t seed, const std::function<void(std::span<const double>)>& use) const {
  if (groups_.size() < 2) return;
  std::mt19937_64 generator(seed);
  std::vector<double> times(groups_.size());
  std::vector<double> sums(width_);
  for (int64_t draw = 0; draw < draws; ++draw) {
    std::ranges::fill(times, 0);
    std::ranges::fill(sums, 0);
    // By hand: what a distribution of the standard library gives differs from one to the next.
    for (size_t i = 0; i < groups_.size(); ++i) ++times[generator() % groups_.size()];
    for (size_t i = 0; i < groups_.size(); ++i) {
      if (times[i] > 0) add_to(sums, groups_[i], times[i]);
    }
    use(sums);
  }
}

}  // namespace legrad::eval
