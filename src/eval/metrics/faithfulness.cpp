// Single deletion: does a map rank the places of a picture as the model does, if each is taken away alone?
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/rerun.h"

namespace legrad::eval {
namespace {

constexpr int64_t kSide = 4;  // patches along each side

/// Patch `index` of [..., H, W], in row order: a view.
at::Tensor patch(const at::Tensor& of, int64_t index) {
  const auto part = [](const at::Tensor& whole, int64_t dim, int64_t number) {
    const int64_t size = whole.size(dim);
    return whole.slice(dim, size * number / kSide, size * (number + 1) / kSide);
  };
  return part(part(of, -2, index / kSide), -1, index % kSide);
}

std::vector<double> measure_faithfulness(const Case& seen, const Maps& maps) {
  const int64_t index = seen.questions[static_cast<size_t>(seen.predicted)].index;
  const at::Tensor heat = maps.heat[seen.predicted].to(at::kDouble);
  at::Tensor& scores = (*seen.known)["faithfulness"];
  if (!scores.defined()) {
    scores = rerun(seen, kSide * kSide, [&](int64_t i) {
      at::Tensor image = seen.input.clone();
      patch(image, i).copy_(seen.zero.expand_as(patch(image, i)));
      return image;
    });
  }
  const double whole = seen.scores[index].item<double>();
  std::vector<double> relevance;
  std::vector<double> drop;
  for (int64_t i = 0; i < kSide * kSide; ++i) {
    relevance.push_back(patch(heat, i).sum().item<double>());
    drop.push_back(whole - scores[i][index].item<double>());
  }
  const auto correlation = spearman(relevance, drop);
  return correlation ? std::vector<double>{*correlation, 1} : std::vector<double>{};
}

/// Ranks from 1; tied values share the mean of theirs.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<double> ranks;
  for (const double value : values) {
    const auto below = std::ranges::count_if(values, [&](double other) { return other < value; });
    const auto tied = std::ranges::count(values, value);
    ranks.push_back(static_cast<double>(below) + static_cast<double>(tied + 1) / 2);
  }
  return ranks;
}

double covariance(const std::vector<double>& x, const std::vector<double>& y) {
  const auto mean = [](const std::vector<double>& of) {
    return std::accumulate(of.begin(), of.end(), 0.0) / static_cast<double>(of.size());
  };
  const double mean_x = mean(x);
  const double mean_y = mean(y);
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - mean_x) * (y[i] - mean_y);
  return sum;
}

}  // namespace

std::optional<double> spearman(std::span<const double> x, std::span<const double> y) {
  const auto ranks_x = ranks(x);
  const auto ranks_y = ranks(y);
  const double scale = covariance(ranks_x, ranks_x) * covariance(ranks_y, ranks_y);
  if (!(scale > 0)) return std::nullopt;
  return covariance(ranks_x, ranks_y) / std::sqrt(scale);
}

Metric faithfulness() {
  return {
      .name = "faithfulness",
      .source = "single deletion: Selvaraju et al., ICCV 2017 (occlusion); Hesse et al., IDSDS, NeurIPS 2024",
      .formula =
          "mean over pictures of Spearman's rho, in [-1, 1], between the sums of the map over the patches of a 4 x 4 "
          "grid and the drop of the predicted class's score as each patch alone is set to black; pictures where "
          "either is constant are left out",
      .needs = {.runs = true},
      .scores = {mean_score("single_deletion", "heat of a patch goes with what its loss costs the class")},
      .measure = measure_faithfulness};
}

}  // namespace legrad::eval
