#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/heatmap.h>

#include <algorithm>
#include <limits>

#include "support/message_of.h"

namespace legrad {
namespace {

using testing::contains;
using testing::message_of;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

at::Tensor map_of(std::vector<double> values, at::ScalarType dtype = at::kDouble) {
  return at::tensor(values, at::kDouble).view({1, -1}).to(dtype);
}

TEST(Normalized, StretchesEachMapOnItsOwn) {
  const at::Tensor maps = at::tensor({1.0, 3.0, 2.0, 1.0, -10.0, 10.0, 0.0, 5.0}).view({1, 2, 2, 2});
  const at::Tensor expected = at::tensor({0.0, 1.0, 0.5, 0.0, 0.0, 1.0, 0.5, 0.75}).view({1, 2, 2, 2});
  EXPECT_TRUE(at::allclose(normalized(maps), expected));
}

TEST(Normalized, ReachesZeroAndOneExactlyInItsOwnDtype) {
  for (const at::ScalarType dtype : {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble}) {
    const at::Tensor map = normalized(at::rand({3, 7, 5}).to(dtype));
    EXPECT_EQ(map.scalar_type(), dtype);
    EXPECT_TRUE(map.amin({-2, -1}).eq(0).all().item<bool>());
    EXPECT_TRUE(map.amax({-2, -1}).eq(1).all().item<bool>());
  }
}

TEST(Normalized, FlatMapsAreZero) {
  for (const double value : {0.0, 1.0, -3.5, 1e30}) {
    EXPECT_TRUE(normalized(at::full({2, 4, 4}, value)).eq(0).all().item<bool>()) << value;
  }
  EXPECT_TRUE(normalized(at::ones({1, 1})).eq(0).all().item<bool>());
}

TEST(Normalized, NeverGivesNan) {
  EXPECT_TRUE(at::equal(normalized(map_of({0, kNan, 2, 1})), map_of({0, 0, 1, 0.5})));
  EXPECT_TRUE(at::equal(normalized(map_of({0, kInfinity, 2, 1})), map_of({0, 1, 1, 0.5})));
  EXPECT_TRUE(at::equal(normalized(map_of({0, -kInfinity, 2, 1})), map_of({0, 0, 1, 0.5})));
  for (const double value : {kNan, kInfinity, -kInfinity}) {
    EXPECT_TRUE(at::equal(normalized(map_of({value, value})), map_of({0, 0}))) << value;
  }
}

TEST(Normalized, SpansThatOverflowTheDtypeAreStretchedRightly) {
  EXPECT_TRUE(at::allclose(normalized(map_of({-65504, 0, 65504}, at::kHalf)).to(at::kDouble), map_of({0, 0.5, 1})));
  EXPECT_TRUE(at::allclose(normalized(map_of({-3e38, 0, 3e38}, at::kFloat)).to(at::kDouble), map_of({0, 0.5, 1})));
  EXPECT_TRUE(at::allclose(normalized(map_of({-1.7e308, 0, 1.7e308})), map_of({0, 0.5, 1})));
  EXPECT_TRUE(at::allclose(normalized(map_of({0, 1e-45}, at::kFloat)).to(at::kDouble), map_of({0, 1})));
}

TEST(Normalized, RefusesIntegersAndVectors) {
  EXPECT_TRUE(contains(message_of<InputError>([] { normalized(at::ones({2, 2}, at::kLong)); }), "Long [2, 2]"));
  EXPECT_TRUE(contains(message_of<InputError>([] { normalized(at::ones({4})); }), "[4]"));
  EXPECT_TRUE(contains(message_of<InputError>([] { normalized(at::Tensor()); }), "undefined"));
}

/// One output pixel of a bilinear resize with half-pixel centres, written out.
double bilinear(const at::Tensor& map, double height, double width, int64_t row, int64_t column) {
  const auto place = [](int64_t at, double scale, int64_t size) {
    return std::clamp((static_cast<double>(at) + 0.5) * scale - 0.5, 0.0, static_cast<double>(size - 1));
  };
  const double y = place(row, static_cast<double>(map.size(0)) / height, map.size(0));
  const double x = place(column, static_cast<double>(map.size(1)) / width, map.size(1));
  const auto value = [&](int64_t i, int64_t j) {
    return map[std::min(i, map.size(0) - 1)][std::min(j, map.size(1) - 1)].item<double>();
  };
  const auto top = static_cast<int64_t>(y);
  const auto left = static_cast<int64_t>(x);
  const double down = y - static_cast<double>(top);
  const double right = x - static_cast<double>(left);
  return (1 - down) * ((1 - right) * value(top, left) + right * value(top, left + 1)) +
         down * ((1 - right) * value(top + 1, left) + right * value(top + 1, left + 1));
}

TEST(Resized, IsBilinearWithHalfPixelCentres) {
  const at::Tensor map = at::rand({3, 4}, at::kDouble);
  const at::Tensor large = resized(map, {10, 7});
  ASSERT_EQ(large.sizes(), at::IntArrayRef({10, 7}));
  for (int64_t row = 0; row < 10; ++row) {
    for (int64_t column = 0; column < 7; ++column) {
      EXPECT_NEAR(large[row][column].item<double>(), bilinear(map, 10, 7, row, column), 1e-12);
    }
  }
}

TEST(Resized, KeepsLeadingDimensions) {
  const at::Tensor maps = at::rand({2, 3, 4, 5});
  const at::Tensor large = resized(maps, {8, 9});
  ASSERT_EQ(large.sizes(), at::IntArrayRef({2, 3, 8, 9}));
  EXPECT_TRUE(at::equal(large[1][2], resized(maps[1][2], {8, 9})));
  EXPECT_EQ(resized(at::rand({2, 3, 4, 5, 6}), {1, 1}).sizes(), at::IntArrayRef({2, 3, 4, 1, 1}));
}

TEST(Resized, RefusesEmptySizesAndIntegers) {
  EXPECT_TRUE(contains(message_of<InputError>([] { resized(at::rand({2, 2}), {0, 5}); }), "0 x 5"));
  EXPECT_TRUE(contains(message_of<InputError>([] { resized(at::rand({0, 2}), {5, 5}); }), "[0, 2]"));
  EXPECT_TRUE(contains(message_of<InputError>([] { resized(at::ones({2, 2}, at::kInt), {5, 5}); }), "Int"));
}

}  // namespace
}  // namespace legrad
