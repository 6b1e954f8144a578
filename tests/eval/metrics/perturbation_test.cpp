// Metrics that run the model again, on models that can be computed by hand.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/eval/metric.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/rerun.h"
#include "small_case.h"

namespace legrad::eval {
namespace {

using testing::case_of;
using testing::grid;
using testing::maps_of;
using testing::value_of;

/// How a model was run.
struct Runs {
  int64_t images = 0;
  int64_t largest_batch = 0;
};

/// A case of two classes whose scores for an image [3, H, W] are `model`; every value of the picture is 1, of black 0.
Case case_for(const at::Tensor& input, const std::function<std::vector<double>(const at::Tensor&)>& model, Runs& runs) {
  Case seen = case_of({{0, {}}, {1, {}}});
  seen.input = input;
  seen.zero = at::zeros({1, 3, 1, 1});
  seen.mean = at::full({1, 3, 1, 1}, 0.5);
  seen.run = [model, &runs](const at::Tensor& images) {
    runs.images += images.size(0);
    runs.largest_batch = std::max(runs.largest_batch, images.size(0));
    std::vector<at::Tensor> scores;
    for (int64_t i = 0; i < images.size(0); ++i) scores.push_back(at::tensor(model(images[i]), at::kDouble));
    return at::stack(scores);
  };
  seen.scores = at::tensor(model(input[0]), at::kDouble);
  seen.labels = {0};
  seen.label = 0;
  seen.predicted = seen.scores.argmax().item<int64_t>();
  return seen;
}

// Ten pixels, so each step takes one.
const at::Tensor& weights() {
  static const at::Tensor values = grid({4, 9, 1, 10, 6, 2, 8, 3, 7, 5}, 2);
  return values;
}

/// Class 0 scores Σ weight · pixel, at most 55 for ones; class 1 always `rival`.
std::function<std::vector<double>(const at::Tensor&)> weighted(double rival) {
  return [rival](const at::Tensor& image) -> std::vector<double> {
    return {(image[2] * weights()).sum().item<double>(), rival};
  };
}

TEST(Perturbation, IsTheAreaUnderAccuracy) {
  Runs runs;
  const Case seen = case_for(at::ones({1, 3, 2, 5}), weighted(27.5), runs);
  const Metric metric = perturbation();
  const auto sums = metric.measure(seen, maps_of({weights(), -weights()}));
  // Greatest first: 45, 36, 28 are left, then less than 27.5; least first: 54, 52, 49, 45, 40, 34 are left.
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_positive_predicted", sums), 0.1 * (0.5 + 2));
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_negative_predicted", sums), 0.1 * (0.5 + 5));
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_positive_target", sums), 0.1 * (0.5 + 2));
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_negative_target", sums), 0.1 * (0.5 + 5));
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_positive_predicted_from_0", sums), 0.1 * (0.5 + 3));
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_negative_target_from_0", sums), 0.1 * (0.5 + 6));
  EXPECT_EQ(testing::count_of(metric, "perturbation_positive_predicted", sums), 1);
  EXPECT_EQ(runs.images, 18);
  EXPECT_LE(runs.largest_batch, 18);
}

TEST(Perturbation, ExplainsThePredictedOrTheRightClassAndIsRightByTheLabel) {
  Runs runs;
  Case seen = case_for(at::ones({1, 3, 2, 5}), weighted(27.5), runs);
  seen.labels = {1};
  seen.label = 1;
  const Metric metric = perturbation();
  const auto sums = metric.measure(seen, maps_of({weights(), -weights()}));
  // Class 1 is right once class 0 has lost enough.
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_positive_predicted", sums), 0.1 * (5 + 0.5));
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_positive_target", sums), 0.1 * (2 + 0.5));
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_negative_target", sums), 0.1 * (5 + 0.5));
  EXPECT_DOUBLE_EQ(value_of(metric, "perturbation_positive_predicted_from_0", sums), 0.1 * (5 + 0.5));
  EXPECT_EQ(runs.images, 36);

  Maps blind = maps_of({weights(), weights()});
  blind.looks_at_target = false;
  runs = {};
  metric.measure(seen, blind);
  EXPECT_EQ(runs.images, 18);
}

TEST(Perturbation, OfSeveralRightClassesAnyWillDo) {
  Runs runs;
  Case seen = case_for(at::ones({1, 3, 2, 5}), weighted(27.5), runs);
  seen.labels = {0, 1};
  const Metric metric = perturbation();
  const auto sums = metric.measure(seen, maps_of({weights(), weights()}));
  for (const Score& score : metric.scores)
    EXPECT_NEAR(score.value(sums), score.name.ends_with("_0") ? 0.9 : 0.8, 1e-12);
}

TEST(Perturbation, SaysNothingWithoutARightClass) {
  Runs runs;
  Case seen = case_for(at::ones({1, 3, 2, 5}), weighted(27.5), runs);
  seen.label.reset();
  seen.labels.clear();
  EXPECT_TRUE(perturbation().measure(seen, maps_of({weights(), weights()})).empty());
  EXPECT_EQ(runs.images, 0);
}

TEST(Perturbation, FillsWithTheMeanOrABlur) {
  Runs runs;
  // What is gone counts a half: class 0 keeps 27.5 at least.
  const Case by_mean = case_for(at::ones({1, 3, 2, 5}), weighted(40), runs);
  const Metric mean = perturbation_mean();
  const auto sums = mean.measure(by_mean, maps_of({weights(), weights()}));
  // Greatest first: 50, 45.5, 41.5 and then less than 40.
  EXPECT_DOUBLE_EQ(value_of(mean, "perturbation_positive_predicted_mean", sums), 0.1 * (0.5 + 2));
  EXPECT_EQ(mean.scores.size(), 4U);

  // A flat picture is its own blur.
  const Case by_blur = case_for(at::ones({1, 3, 2, 5}), weighted(54.9), runs);
  const Metric blur = perturbation_blur();
  const auto kept = blur.measure(by_blur, maps_of({weights(), weights()}));
  EXPECT_NEAR(value_of(blur, "perturbation_positive_predicted_blur", kept), 0.8, 1e-12);
}

TEST(Rerun, GivesScoresInOrderInBatches) {
  Runs runs;
  const Case seen = case_for(at::ones({1, 3, 2, 5}), weighted(0), runs);
  const at::Tensor scores = rerun(seen, 41, [&](int64_t i) { return seen.input * i; });
  EXPECT_TRUE(at::allclose(scores.select(1, 0), at::arange(41, at::kDouble) * 55));
  EXPECT_EQ(runs.images, 41);
  EXPECT_EQ(runs.largest_batch, 18);
}

TEST(Filled, TakesTiedPixelsInRowOrder) {
  const at::Tensor heat = grid({1, 2, 2, 1, 2, 1}, 2);
  EXPECT_TRUE(at::equal(by_heat(heat, true), at::tensor({1, 2, 4, 0, 3, 5})));
  EXPECT_TRUE(at::equal(by_heat(heat, false), at::tensor({0, 3, 5, 1, 2, 4})));
  const at::Tensor fill = at::tensor({-1.0F, -2.0F, -3.0F}).view({1, 3, 1, 1});
  const at::Tensor image = filled(at::ones({1, 3, 2, 3}), fill, by_heat(heat, true), 2);
  EXPECT_TRUE(at::equal(image[0][0], grid({1, -1, -1, 1, 1, 1}, 2)));
  EXPECT_TRUE(at::equal(image[0][2], grid({1, -3, -3, 1, 1, 1}, 2)));
}

TEST(Blurred, IsAGaussianWithoutEdges) {
  at::Tensor image = at::zeros({1, 3, 41, 31});
  image[0][1][20][15] = 1;
  const at::Tensor blur = blurred(image, 2)[0][1];
  const double top = 1 / (2 * M_PI * 4);
  EXPECT_NEAR(blur[20][15].item<double>(), top, 1e-5);
  EXPECT_NEAR(blur[23][14].item<double>(), top * std::exp(-10.0 / 8), 1e-5);
  EXPECT_TRUE(at::allclose(blurred(at::full({1, 3, 5, 7}, 0.3), 2), at::full({1, 3, 5, 7}, 0.3)));
}

/// Sure of class 0, at 0.9, while the middle pixel is light; else at 0.1.
std::vector<double> seeing(const at::Tensor& image) {
  const bool light = image[0][28][28].item<double>() > 0.5;
  return {light ? std::log(9.0) : -std::log(9.0), 0};
}

TEST(InsertionDeletion, IsTheMeanHeightOfTheCurve) {
  at::Tensor input = at::zeros({1, 3, 56, 56});
  input.select(2, 28).select(2, 28).fill_(1);
  Runs runs;
  const Case seen = case_for(input, seeing, runs);
  at::Tensor hot = at::zeros({56, 56});
  hot[28][28] = 1;
  const auto sums = insertion_deletion().measure(seen, maps_of({hot, hot}));
  // The pixel comes, or goes, in the first of 28 steps.
  EXPECT_NEAR(sums.at(0), (0.5 + 27 * 0.9) / 28, 1e-12);
  EXPECT_NEAR(sums.at(2), (0.5 + 27 * 0.1) / 28, 1e-12);
  EXPECT_EQ(runs.images, 56);
  EXPECT_LE(runs.largest_batch, 18);
  // In the last.
  const auto worst = insertion_deletion().measure(seen, maps_of({-hot, -hot}));
  EXPECT_NEAR(worst.at(0), (0.5 + 27 * 0.1) / 28, 1e-12);
  EXPECT_NEAR(worst.at(2), (0.5 + 27 * 0.9) / 28, 1e-12);
}

TEST(Spearman, RanksAndSharesTies) {
  const auto rho = [](std::vector<double> x, std::vector<double> y) { return spearman(x, y); };
  EXPECT_NEAR(rho({1, 2, 2, 3}, {1, 3, 2, 4}).value(), 4.5 / std::sqrt(4.5 * 5), 1e-12);
  EXPECT_NEAR(rho({1, 2, 3}, {1, 10, 1000}).value(), 1, 1e-12);
  EXPECT_NEAR(rho({1, 2, 3}, {5, 4, -3}).value(), -1, 1e-12);
  EXPECT_FALSE(rho({1, 1, 1}, {1, 2, 3}));
  EXPECT_FALSE(rho({1, 2, 3}, {0, 0, 0}));
  EXPECT_FALSE(rho({}, {}));
}

TEST(SingleDeletion, RanksPatchesAsTheModelDoes) {
  Runs runs;
  const at::Tensor worth = (at::arange(81, at::kFloat) * 29).remainder(81).view({9, 9});
  const auto model = [&](const at::Tensor& image) -> std::vector<double> {
    return {(image[1] * worth).sum().item<double>(), 0};
  };
  const Case seen = case_for(at::ones({1, 3, 9, 9}), model, runs);
  const auto sums = faithfulness().measure(seen, maps_of({worth, at::zeros({9, 9})}));
  ASSERT_EQ(sums.size(), 2U);
  EXPECT_NEAR(sums[0], 1, 1e-12);
  EXPECT_EQ(runs.images, 16);
  EXPECT_TRUE(at::equal(seen.input, at::ones({1, 3, 9, 9})));
  EXPECT_NEAR(faithfulness().measure(seen, maps_of({-worth, worth})).at(0), -1, 1e-12);
  EXPECT_EQ(runs.images, 16) << "another method's map needs no run of its own";
  EXPECT_TRUE(faithfulness().measure(seen, maps_of({at::zeros({9, 9}), worth})).empty());
}

}  // namespace
}  // namespace legrad::eval
