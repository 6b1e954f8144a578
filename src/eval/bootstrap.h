#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace legrad::eval {

/// Sums of counts over groups of pictures, of which the bootstrap draws as many as there are, with replacement.
class Bootstrap {
 public:
  /// Of `width` numbers a picture, in at most `most_groups` groups: picture i goes into group i modulo that.
  Bootstrap(size_t width, size_t most_groups);

  void add(const std::vector<double>& counts);

  /// The sums over all pictures.
  const std::vector<double>& total() const { return total_; }

  /// Calls `use` with the sums of each of `draws` draws. None with fewer than two groups.
  void each(int64_t draws, uint64_t seed, const std::function<void(std::span<const double>)>& use) const;

 private:
  size_t width_;
  size_t most_groups_;
  size_t pictures_ = 0;
  std::vector<double> total_;
  std::vector<std::vector<double>> groups_;
};

}  // namespace legrad::eval
