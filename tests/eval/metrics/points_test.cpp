#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/eval/metric.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "eval/metrics/metrics.h"
#include "small_case.h"

namespace legrad::eval {
namespace {

using testing::case_of;
using testing::count_of;
using testing::grid;
using testing::maps_of;
using testing::sum_of;
using testing::value_of;

constexpr Point kTopLeft{0.2, 0.2};
constexpr Point kTopRight{0.7, 0.2};
constexpr Point kBottomLeft{0.2, 0.7};
constexpr Point kBottomRight{0.7, 0.7};
constexpr Point kCroppedOff{0.95, 0.5};

/// Class 0 and class 2 of three, over an input of 2 x 2 pixels whose right edge was cropped off.
Case case_at(const Region& first, const Region& second) {
  Case seen = case_of({{0, {}}, {2, {}}, {1, {}}});
  seen.questions[0].region = &first;
  seen.questions[1].region = &second;
  seen.pixel_of = [](const Point& place) -> std::optional<std::array<int64_t, 2>> {
    if (place.x > 0.9) return std::nullopt;
    return std::array<int64_t, 2>{place.y < 0.5 ? 0 : 1, place.x < 0.5 ? 0 : 1};
  };
  return seen;
}

TEST(PMiou, CountsPointsOfAClass) {
  const Region first{"cat", {}, {kTopRight, kBottomLeft, kCroppedOff}, {kBottomRight, kTopLeft}};
  const Region second{"dog", {}, {}, {kTopRight}};
  const at::Tensor cat = grid({0, 10, 4, 6}, 2);  // hot in the right column
  const at::Tensor dog = grid({1, 0, 0, 0}, 2);
  const Metric metric = p_miou(3);
  auto sums = metric.measure(case_at(first, second), maps_of({cat, dog, dog}));
  // The cat: a hit, a miss, a false alarm, a rejection. The dog: a rejection, so no foreground to speak of.
  EXPECT_DOUBLE_EQ(value_of(metric, "p_miou", sums), 1.0 / 3);
  EXPECT_DOUBLE_EQ(value_of(metric, "p_miou_two_class", sums), (1.0 / 3 + 1) / 2);
  EXPECT_DOUBLE_EQ(value_of(metric, "p_miou_per_image", sums), 1.0 / 3);
  EXPECT_EQ(count_of(metric, "p_miou", sums), 5);

  const Region again{"cat", {}, {kTopRight}, {}};
  sums = sum_of(sums, metric.measure(case_at(again, Region{}), maps_of({cat, dog, dog})));
  EXPECT_DOUBLE_EQ(value_of(metric, "p_miou", sums), 2.0 / 4);
  EXPECT_DOUBLE_EQ(value_of(metric, "p_miou_two_class", sums), ((2.0 / 4 + 1.0 / 3) / 2 + 1) / 2);
  EXPECT_DOUBLE_EQ(value_of(metric, "p_miou_per_image", sums), (1.0 / 3 + 1) / 2);
}

TEST(PMiou, AFlatMapPredictsNothing) {
  const Region region{"cat", {}, {kTopLeft}, {kTopRight}};
  const Metric metric = p_miou(3);
  const at::Tensor flat = at::full({2, 2}, 5);
  const auto sums = metric.measure(case_at(region, Region{}), maps_of({flat, flat, flat}));
  EXPECT_EQ(value_of(metric, "p_miou", sums), 0);
  EXPECT_EQ(value_of(metric, "p_miou_two_class", sums), 0.25);
}

TEST(PMiou, SaysNothingWithoutPoints) {
  const at::Tensor flat = at::ones({2, 2});
  const Region unseen{"cat", {}, {kCroppedOff}, {}};
  EXPECT_TRUE(p_miou(3).measure(case_at(unseen, Region{}), maps_of({flat, flat, flat})).empty());
}

}  // namespace
}  // namespace legrad::eval
