// Metrics that hold a map against a mask.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>
#include <legrad/eval/metric.h>

#include <array>
#include <cstdint>
#include <vector>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "small_case.h"

namespace legrad::eval {
namespace {

using testing::case_of;
using testing::count_of;
using testing::grid;
using testing::maps_of;
using testing::mask_of;
using testing::sum_of;
using testing::value_of;

TEST(AveragePrecision, GoesByRankAndTiesByRow) {
  const at::Tensor heat = grid({9, 5, 5, 1, 7, 0}, 2);
  // Found at ranks 1, 3 (the first 5) and 6.
  EXPECT_DOUBLE_EQ(average_precision(heat, mask_of({1, 1, 0, 0, 0, 1}, 2)), (1.0 + 2.0 / 3 + 3.0 / 6) / 3);
  // At ranks 1, 4 (the second 5) and 6.
  EXPECT_DOUBLE_EQ(average_precision(heat, mask_of({1, 0, 1, 0, 0, 1}, 2)), (1.0 + 2.0 / 4 + 3.0 / 6) / 3);
}

TEST(AveragePrecision, OfAFlatMapIsThatOfRowOrder) {
  const at::Tensor flat = at::ones({2, 2});
  EXPECT_DOUBLE_EQ(average_precision(flat, mask_of({0, 0, 1, 1}, 2)), (1.0 / 3 + 2.0 / 4) / 2);
  // Long enough for a sort that is not stable to show.
  const at::Tensor last = at::arange(4000).ge(3999).view({40, 100});
  EXPECT_DOUBLE_EQ(average_precision(at::zeros({40, 100}), last), 1.0 / 4000);
}

TEST(AveragePrecision, OfAnEmptyMaskIsZeroAndOfAFullOneIsOne) {
  const at::Tensor heat = grid({3, 1, 2, 2}, 2);
  EXPECT_EQ(average_precision(heat, mask_of({0, 0, 0, 0}, 2)), 0);
  EXPECT_EQ(average_precision(heat, mask_of({1, 1, 1, 1}, 2)), 1);
}

TEST(AveragePrecisionByThreshold, CountsTiedPixelsTogether) {
  const at::Tensor heat = grid({9, 5, 5, 1, 7, 0}, 2);
  for (const at::Tensor& mask : {mask_of({1, 1, 0, 0, 0, 1}, 2), mask_of({1, 0, 1, 0, 0, 1}, 2)}) {
    EXPECT_DOUBLE_EQ(average_precision_by_threshold(heat, mask), (1.0 + 2.0 / 4 + 3.0 / 6) / 3);
  }
  EXPECT_DOUBLE_EQ(average_precision_by_threshold(at::ones({2, 2}), mask_of({0, 0, 0, 1}, 2)), 0.25);
  EXPECT_EQ(average_precision_by_threshold(heat, at::zeros({2, 3}, at::kBool)), 0);
  EXPECT_EQ(average_precision_by_threshold(heat, at::ones({2, 3}, at::kBool)), 1);
}

TEST(PixelAp, IsTheMeanOverObjectsWithPixels) {
  const at::Tensor heat = grid({4, 3, 2, 1}, 2);
  const Case seen =
      case_of({{0, mask_of({1, 0, 0, 0}, 2)}, {1, {}}, {2, mask_of({0, 1, 0, 0}, 2)}, {3, mask_of({0, 0, 0, 0}, 2)}});
  const auto sums = pixel_ap().measure(seen, maps_of({heat, heat, heat, heat}));
  EXPECT_EQ(sums, (std::vector<double>{1.5, 2}));
  EXPECT_EQ(value_of(pixel_ap(), "pixel_ap", sums), 0.75);
  EXPECT_EQ(count_of(pixel_ap(), "pixel_ap", sums), 2);
}

TEST(PixelAp, LeavesUnlabelledPixelsOut) {
  Case seen = case_of({{0, mask_of({0, 1, 0, 0}, 2)}});
  seen.unlabelled = mask_of({1, 0, 0, 0}, 2);
  EXPECT_EQ(pixel_ap().measure(seen, maps_of({grid({4, 3, 2, 1}, 2)})), (std::vector<double>{1, 1}));
  seen.unlabelled = mask_of({0, 1, 0, 0}, 2);
  EXPECT_TRUE(pixel_ap().measure(seen, maps_of({grid({4, 3, 2, 1}, 2)})).empty());
}

TEST(Pointing, TakesTheFirstOfSeveralHottestPixels) {
  EXPECT_EQ(hottest_pixel(grid({0, 2, 1, 2, 2, 0}, 2)), (std::array<int64_t, 2>{0, 1}));
  EXPECT_EQ(hottest_pixel(at::zeros({50, 60})), (std::array<int64_t, 2>{0, 0}));
  EXPECT_EQ(hottest_pixel(grid({-3, -2, -1, -4}, 2)), (std::array<int64_t, 2>{1, 0}));
}

TEST(Pointing, ToleratesPixelsUpToTheDistanceAsTheCrowFlies) {
  at::Tensor heat = at::zeros({40, 40});
  heat[10][10] = 1;
  at::Tensor mask = at::zeros({40, 40}, at::kBool);
  EXPECT_FALSE(points_at(heat, mask, 1000));
  mask[19][22] = true;  // 9 and 12 away
  EXPECT_TRUE(points_at(heat, mask, 15));
  EXPECT_FALSE(points_at(heat, mask, 14.9));
  EXPECT_FALSE(points_at(heat, mask, 0));
  mask[10][10] = true;
  EXPECT_TRUE(points_at(heat, mask, 0));
}

TEST(Pointing, AveragesObjectsOrClasses) {
  const auto at_column = [](int64_t column) {
    at::Tensor pixel = at::zeros({2, 100});
    pixel[1][column] = 1;
    return pixel;
  };
  const auto object = [&](int64_t column) { return at_column(column).to(at::kBool); };
  const Metric metric = pointing(4);
  // Class 1 is hit, 10 and 80 pixels off; class 3 is 15 pixels off.
  auto sums = metric.measure(case_of({{1, object(5)}, {3, object(25)}}), maps_of({at_column(5), at_column(40)}));
  sums = sum_of(sums, metric.measure(case_of({{1, object(5)}}), maps_of({at_column(15)})));
  sums = sum_of(sums, metric.measure(case_of({{1, object(5)}}), maps_of({at_column(85)})));
  EXPECT_EQ(sums.size(), 10U);
  EXPECT_DOUBLE_EQ(value_of(metric, "pointing", sums), 1.0 / 4);
  EXPECT_DOUBLE_EQ(value_of(metric, "pointing_15", sums), (2.0 / 3 + 1) / 2);
  EXPECT_EQ(count_of(metric, "pointing_15", sums), 4);
  EXPECT_TRUE(metric.measure(case_of({{1, {}}}), maps_of({at_column(0)})).empty());
}

TEST(Pointing, LooksForTheHottestAmongLabelledPixels) {
  Case seen = case_of({{0, mask_of({0, 1, 0, 0}, 1)}});
  const Maps maps = maps_of({grid({9, 5, 1, 1}, 1)});
  EXPECT_EQ(pointing(1).measure(seen, maps)[0], 0);
  seen.unlabelled = mask_of({1, 0, 0, 0}, 1);
  EXPECT_EQ(pointing(1).measure(seen, maps)[0], 1);
}

TEST(OwnOverOther, ComparesDensitiesOfOneMap) {
  const at::Tensor left = mask_of({1, 0, 0, 0}, 1);
  const at::Tensor right = mask_of({0, 0, 1, 1}, 1);
  const Case seen = case_of({{0, left}, {1, right}, {2, {}}});
  const at::Tensor other = at::zeros({1, 4});
  // The second object has more heat in all, the first more for each pixel.
  EXPECT_EQ(own_over_other().measure(seen, maps_of({grid({3, 0, 2, 2}, 1), grid({3, 0, 2, 2}, 1), other})),
            (std::vector<double>{1, 2}));
  EXPECT_EQ(own_over_other().measure(seen, maps_of({grid({3, 0, 2, 2}, 1), grid({1, 0, 2, 2}, 1), other})),
            (std::vector<double>{2, 2}));
}

TEST(OwnOverOther, ATieIsNotOver) {
  const Case seen = case_of({{0, mask_of({1, 0}, 1)}, {1, mask_of({0, 1}, 1)}});
  EXPECT_EQ(own_over_other().measure(seen, maps_of({at::ones({1, 2}), at::ones({1, 2})})), (std::vector<double>{0, 2}));
}

TEST(OwnOverOther, NeedsTwoObjects) {
  const at::Tensor heat = at::ones({1, 2});
  const Case seen = case_of({{0, mask_of({1, 0}, 1)}, {1, mask_of({0, 0}, 1)}});
  EXPECT_TRUE(own_over_other().measure(seen, maps_of({heat, heat})).empty());
}

TEST(Segmentation, CutsAtTheMean) {
  const Metric metric = segmentation();
  // Min-max: 0, 1/4, 3/4, 1; foreground: the last two.
  const auto sums = metric.measure(case_of({{0, mask_of({0, 1, 0, 1}, 2)}}), maps_of({grid({0, 1, 3, 4}, 2)}));
  EXPECT_DOUBLE_EQ(value_of(metric, "pixel_accuracy", sums), 2.0 / 4);
  EXPECT_DOUBLE_EQ(value_of(metric, "miou", sums), 1.0 / 3);
  EXPECT_DOUBLE_EQ(value_of(metric, "iou_per_object", sums), 1.0 / 3);
  // Of eight numbers 1, 1 are right; 3/4, 3/4 wrong; 1/4, 1/4 right; 0, 0 wrong.
  EXPECT_DOUBLE_EQ(value_of(metric, "map", sums), 0.5 * 1 + 0.5 * 4 / 6);
  for (const Score& score : metric.scores) EXPECT_EQ(score.count(sums), 1) << score.name;
}

TEST(Segmentation, AddsPixelsOfAllObjectsBeforeItDivides) {
  const Metric metric = segmentation();
  auto sums = metric.measure(case_of({{0, mask_of({0, 1, 0, 1}, 2)}}), maps_of({grid({0, 1, 3, 4}, 2)}));
  // A flat map has no foreground, whatever its value.
  sums = sum_of(sums, metric.measure(case_of({{0, mask_of({1, 1, 1, 1}, 2)}}), maps_of({at::full({2, 2}, 0.1)})));
  EXPECT_DOUBLE_EQ(value_of(metric, "pixel_accuracy", sums), 2.0 / 8);
  EXPECT_DOUBLE_EQ(value_of(metric, "miou", sums), 1.0 / 7);
  EXPECT_DOUBLE_EQ(value_of(metric, "iou_per_object", sums), 1.0 / 6);
}

TEST(Segmentation, ExpectsNothingOfUnlabelledPixels) {
  const Metric metric = segmentation();
  Case seen = case_of({{0, mask_of({0, 1, 0, 1}, 2)}});
  seen.unlabelled = mask_of({0, 1, 1, 0}, 2);
  const auto sums = metric.measure(seen, maps_of({grid({0, 1, 3, 4}, 2)}));
  for (const Score& score : metric.scores) EXPECT_EQ(score.value(sums), 1) << score.name;
}

TEST(Energy, IsTheShareOfTheStretchedMap) {
  // Min-max: 0, 1/2, 1, 1/2.
  EXPECT_EQ(energy().measure(case_of({{0, mask_of({0, 0, 1, 1}, 2)}}), maps_of({grid({-1, 1, 3, 1}, 2)})),
            (std::vector<double>{0.75, 1}));
  EXPECT_EQ(energy().measure(case_of({{0, mask_of({1, 1, 1, 1}, 2)}}), maps_of({grid({-1, 1, 3, 1}, 2)})),
            (std::vector<double>{1, 1}));
  EXPECT_EQ(energy().measure(case_of({{0, mask_of({1, 1, 1, 1}, 2)}}), maps_of({at::full({2, 2}, 3)})),
            (std::vector<double>{0, 1}));
  EXPECT_EQ(share_on_mask(grid({-8, 1, 3}, 1), mask_of({1, 1, 0}, 1)), 0.25);
}

std::vector<Metric> of_masks() { return {pixel_ap(), pointing(1), segmentation(), energy()}; }

TEST(Localisation, TheMaskItselfIsTheCeiling) {
  at::Tensor mask = at::zeros({20, 20}, at::kBool);
  mask.slice(0, 5, 12).slice(1, 3, 9).fill_(true);
  for (const Metric& metric : of_masks()) {
    const auto sums = metric.measure(case_of({{0, mask}}), maps_of({mask.to(at::kFloat)}));
    for (const Score& score : metric.scores) EXPECT_DOUBLE_EQ(score.value(sums), 1) << score.name;
  }
}

TEST(Localisation, ChanceIsTheShareOfTheMask) {
  at::Tensor mask = at::zeros({20, 20}, at::kBool);
  mask.slice(0, 0, 10).slice(1, 0, 10).fill_(true);
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
  const auto chance = [&](const Metric& metric, const char* score) {
    std::vector<double> sums;
    for (int i = 0; i < 300; ++i) {
      const auto more = metric.measure(case_of({{0, mask}}), maps_of({at::rand({20, 20}, generator)}));
      sums = sums.empty() ? more : sum_of(sums, more);
    }
    return value_of(metric, score, sums);
  };
  EXPECT_NEAR(chance(pixel_ap(), "pixel_ap"), 0.25, 0.02);
  EXPECT_NEAR(chance(pointing(1), "pointing"), 0.25, 0.08);
  EXPECT_NEAR(chance(energy(), "energy_inside"), 0.25, 0.01);
  EXPECT_NEAR(chance(segmentation(), "pixel_accuracy"), 0.5, 0.01);
  EXPECT_NEAR(chance(segmentation(), "map"), 0.5, 0.02);
}

}  // namespace
}  // namespace legrad::eval
