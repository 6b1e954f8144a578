// What a map is like by itself, how steady it is, and the registry.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/eval/metric.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "io/split_mix.h"
#include "small_case.h"

namespace legrad::eval {
namespace {

using testing::case_of;
using testing::grid;
using testing::maps_of;

TEST(Gini, IsZeroForFlatMapsAndNearOneForAPoint) {
  EXPECT_DOUBLE_EQ(gini_index(grid({0, 0, -4, 0}, 2)), 0.75);
  EXPECT_DOUBLE_EQ(gini_index(grid({1, 3}, 1)), 2.0 / 8);
  EXPECT_EQ(gini_index(at::full({3, 3}, -2)), 0);
  EXPECT_EQ(gini_index(at::zeros({3, 3})), 0);
}

TEST(Entropy, IsZeroForAPointAndGreatestForFlatMaps) {
  EXPECT_NEAR(entropy(grid({1, -1, 2}, 1)), 1.5 * std::log(2), 1e-12);
  EXPECT_EQ(entropy(grid({0, 0, 7, 0}, 2)), 0);
  EXPECT_NEAR(entropy(at::full({3, 3}, 5)), std::log(9), 1e-12);
  EXPECT_NEAR(entropy(at::zeros({3, 3})), std::log(9), 1e-12);
}

TEST(Complexity, LooksAtThePredictedClass) {
  Case seen = case_of({{0, {}}, {1, {}}});
  seen.predicted = 1;
  const auto sums = complexity().measure(seen, maps_of({at::ones({2, 2}), grid({0, 0, 4, 0}, 2)}));
  EXPECT_EQ(sums, (std::vector<double>{0.75, 1, 0, 1}));
}

TEST(HistogramEntropy, IsThatOfAHundredBins) {
  EXPECT_NEAR(histogram_entropy(grid({0, 0.001, 1, 0.5}, 2)), 0.5 * std::log(2) + 2 * 0.25 * std::log(4), 1e-12);
  EXPECT_EQ(histogram_entropy(at::full({3, 3}, 5)), 0);
}

TEST(RankSimilarity, IsOfSizesAndNothingForAFlatMap) {
  EXPECT_NEAR(rank_similarity(grid({1, -2, 3}, 1), grid({-10, 20, 30}, 1)), 1, 1e-12);
  EXPECT_NEAR(rank_similarity(grid({1, 2, 3}, 1), grid({3, 2, 1}, 1)), -1, 1e-12);
  EXPECT_EQ(rank_similarity(grid({1, 2, 3}, 1), at::ones({1, 3})), 0);
}

TEST(Randomisation, ComparesThePredictedClassWithEveryStep) {
  Case seen = case_of({{0, {}}, {1, {}}});
  seen.predicted = 1;
  Maps maps = maps_of({at::ones({1, 3}), grid({1, 2, 3}, 1)});
  maps.randomised = [] { return std::vector<at::Tensor>{grid({2, 4, 6}, 1), grid({3, 2, 1}, 1), at::ones({1, 3})}; };
  const Metric metric = randomisation();
  const auto sums = metric.measure(seen, maps);
  EXPECT_EQ(sums, (std::vector<double>{1.0 / 4, 1, -1, 1, 1, -1, 0}));
  EXPECT_EQ(metric.curves(sums)[0].y, (std::vector<double>{1, 1, -1, 0}));

  maps.raw[1] = at::ones({1, 3});  // nothing can be like it, or more complex by a share
  const auto flat = metric.measure(seen, maps);
  EXPECT_EQ(flat, (std::vector<double>{0, 0, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(metric.curves(flat).empty());
}

TEST(SplitMix64, GivesThePublishedNumbers) {
  io::SplitMix64 random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
  for (int i = 0; i < 1000; ++i) {
    const double value = random.uniform();
    EXPECT_TRUE(value >= 0 && value < 1);
  }
}

/// A case of an image of zeros; the map of its second, predicted class is {3, 4}.
struct Noisy {
  Case seen = case_of({{5, {}}, {6, {}}});
  Maps maps = maps_of({at::ones({1, 2}), grid({3, 4}, 1)});
  std::vector<at::Tensor> images{};

  Noisy() {
    seen.input = at::zeros({1, 3, 16, 16});
    seen.predicted = 1;
    seen.seed = 3;
    // A change of 1, 2, ..., 10 and less again.
    maps.of = [this](const at::Tensor& image, const std::vector<int64_t>& classes) {
      EXPECT_EQ(classes, std::vector<int64_t>{seen.questions[1].index});
      images.push_back(image);
      const auto call = static_cast<double>(images.size());
      return grid({3, 4 + (call < 8 ? call : 0)}, 1).unsqueeze(0);
    };
  }
  std::vector<double> measure() { return sensitivity().measure(seen, maps); }
};

TEST(Sensitivity, IsTheGreatestRelativeChange) {
  Noisy noisy;
  const auto sums = noisy.measure();
  EXPECT_EQ(noisy.images.size(), 10U);
  ASSERT_EQ(sums.size(), 2U);
  EXPECT_NEAR(sums[0], 7.0 / 5, 1e-12);
}

TEST(Sensitivity, NoiseIsEvenAndDependsOnTheSeedAlone) {
  Noisy first;
  Noisy same;
  Noisy other;
  other.seen.seed = 4;
  first.measure();
  same.measure();
  other.measure();
  const at::Tensor noise = at::cat(first.images);
  EXPECT_TRUE(at::equal(noise, at::cat(same.images)));
  EXPECT_FALSE(at::equal(noise, at::cat(other.images)));
  EXPECT_LE(noise.abs().max().item<double>(), 0.2000001);
  EXPECT_GT(noise.max().item<double>(), 0.19);
  EXPECT_LT(noise.min().item<double>(), -0.19);
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.005);
  EXPECT_FALSE(at::equal(first.images[0], first.images[1]));
}

TEST(Sensitivity, SaysNothingOfAMapOfZeros) {
  Noisy noisy;
  noisy.maps.raw = at::zeros({2, 1, 2});
  EXPECT_TRUE(noisy.measure().empty());
}

TEST(Registry, NamesAreUniqueAndNothingIsNothing) {
  std::set<std::string> scores;
  std::set<std::string> metrics;
  for (const Metric& metric : built_in_metrics(3)) {
    EXPECT_TRUE(metrics.insert(metric.name).second) << metric.name;
    EXPECT_FALSE(metric.source.empty() || metric.formula.empty()) << metric.name;
    for (const Score& score : metric.scores) {
      EXPECT_TRUE(scores.insert(score.name).second) << score.name;
      EXPECT_FALSE(score.explains.empty()) << score.name;
      const std::vector<double> nothing(4096, 0.0);
      EXPECT_TRUE(std::isnan(score.value(nothing))) << score.name;
      EXPECT_EQ(score.count(nothing), 0) << score.name;
    }
  }
  EXPECT_GE(metrics.size(), 13U);
}

}  // namespace
}  // namespace legrad::eval
