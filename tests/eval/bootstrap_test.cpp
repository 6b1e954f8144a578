// The bootstrap's errors are those that statistics knows by heart.

#include "eval/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace legrad::eval {
namespace {

struct Spread {
  double mean = 0;
  double deviation = 0;
};

template <class Value>
Spread of_draws(const Bootstrap& bootstrap, const Value& value) {
  double sum = 0;
  double squares = 0;
  double count = 0;
  bootstrap.each(4000, 7, [&](std::span<const double> sums) {
    const double v = value(sums);
    sum += v;
    squares += v * v;
    ++count;
  });
  return {sum / count, std::sqrt((squares - sum * sum / count) / (count - 1))};
}

/// Numbers without an order, for pictures that come as they come.
uint32_t hash(int i) { return static_cast<uint32_t>(i + 1) * 2654435761U >> 8U; }

double share(std::span<const double> sums) { return sums[0] / sums[1]; }

// 30 of 100 hits: the standard error of a share is sqrt(p (1 - p) / n).
TEST(Bootstrap, GivesTheStandardErrorOfAShare) {
  Bootstrap bootstrap(2, 1000);
  for (int i = 0; i < 100; ++i) bootstrap.add({i < 30 ? 1.0 : 0.0, 1.0});
  EXPECT_EQ(bootstrap.total(), (std::vector<double>{30, 100}));
  const Spread spread = of_draws(bootstrap, share);
  EXPECT_NEAR(spread.mean, 0.3, 0.005);
  EXPECT_NEAR(spread.deviation, std::sqrt(0.3 * 0.7 / 100), 0.002);
}

// In groups, too: what is drawn is groups of pictures, and their sums vary as pictures do.
TEST(Bootstrap, GivesItFromGroupsOfPictures) {
  Bootstrap bootstrap(2, 200);
  for (int i = 0; i < 20000; ++i) bootstrap.add({hash(i) % 100 < 30 ? 1.0 : 0.0, 1.0});
  const Spread spread = of_draws(bootstrap, share);
  const double error = std::sqrt(0.3 * 0.7 / 20000);
  EXPECT_NEAR(spread.mean, 0.3, 4 * error);
  EXPECT_NEAR(spread.deviation, error, 0.2 * error);
}

TEST(Bootstrap, DrawsTheSamePicturesForAll) {
  Bootstrap bootstrap(3, 1000);
  for (int i = 0; i < 50; ++i) bootstrap.add({i % 3 + 1.0, i % 3 * 1.0, 1.0});
  const Spread lead = of_draws(bootstrap, [](std::span<const double> sums) { return (sums[0] - sums[1]) / sums[2]; });
  EXPECT_NEAR(lead.mean, 1, 1e-12);
  EXPECT_NEAR(lead.deviation, 0, 1e-6);
}

TEST(Bootstrap, DrawsNothingFromOnePicture) {
  Bootstrap bootstrap(1, 1000);
  bootstrap.add({1});
  int draws = 0;
  bootstrap.each(10, 1, [&](std::span<const double>) { ++draws; });
  EXPECT_EQ(draws, 0);
}

}  // namespace
}  // namespace legrad::eval
