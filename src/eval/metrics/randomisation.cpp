// Does a map depend on what the model has learnt?
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/numbers.h"

namespace legrad::eval {
namespace {

// Sums: similarity, rise, and how many pictures have one; then the similarity after each step.
enum LikenessSum : size_t { kSimilarity, kSimilarityCount, kRise, kRiseCount, kFirstStep };

std::vector<double> measure_randomisation(const Case& seen, const Maps& maps) {
  const std::vector<at::Tensor> steps = maps.randomised();
  const at::Tensor map = maps.raw[seen.predicted];
  std::vector<double> sums(kFirstStep + steps.size());
  const double before = histogram_entropy(map);
  if (!(before > 0)) return sums;  // a flat map
  sums[kSimilarity] = 1;           // of the map with itself
  for (size_t i = 0; i < steps.size(); ++i) {
    sums[kSimilarity] += sums[kFirstStep + i] = rank_similarity(map, steps[i]);
  }
  sums[kSimilarity] /= static_cast<double>(steps.size() + 1);
  sums[kRise] = (histogram_entropy(steps.back()) - before) / before;
  sums[kSimilarityCount] = sums[kRiseCount] = 1;
  return sums;
}

std::vector<Curve> similarity_curve(std::span<const double> sums) {
  if (!(sums[kSimilarityCount] > 0)) return {};
  Curve curve{"similarity over randomised parts, from the readout down", {0}, {1}};
  const auto steps = static_cast<double>(sums.size() - kFirstStep);
  for (size_t i = kFirstStep; i < sums.size(); ++i) {
    curve.x.push_back(static_cast<double>(i + 1 - kFirstStep) / steps);
    curve.y.push_back(sums[i] / sums[kSimilarityCount]);
  }
  return {curve};
}

}  // namespace

double rank_similarity(const at::Tensor& map, const at::Tensor& other) {
  return spearman(numbers(map.abs()), numbers(other.abs())).value_or(0);
}

double histogram_entropy(const at::Tensor& map) {
  constexpr int64_t kBins = 100;
  const at::Tensor values = map.to(at::kDouble).flatten();
  const double least = values.min().item<double>(), most = values.max().item<double>();
  if (!(most > least)) return 0;
  const at::Tensor shares = at::histc(values, kBins, least, most) / values.numel();
  return -at::xlogy(shares, shares).sum().item<double>();
}

Metric randomisation() {
  return {
      .name = "randomisation",
      .source = "mprt: Adebayo et al., NeurIPS 2018 (cascading); emprt: Hedström et al., XAI in Action 2023",
      .formula =
          "mean over pictures; m the predicted class's raw map, m_s the one by a model whose last s parts have their "
          "weights shuffled (s = 0 none, 1 the readout, then block after block, S with the embedding): mprt = mean "
          "over "
          "s = 0 ... S of Spearman's rho of |m| and |m_s| (0 where m_s is flat); emprt = (H(m_S) - H(m)) / H(m), H the "
          "entropy of a histogram of 100 bins; flat maps m are left out",
      .needs = {.randomised = true},
      .scores = {mean_score("mprt", "how alike a map stays as the model's weights are shuffled", false),
                 mean_score("emprt", "how much more complex it becomes once all of them are", true, kRise)},
      .measure = measure_randomisation,
      .curves = similarity_curve};
}

}  // namespace legrad::eval
