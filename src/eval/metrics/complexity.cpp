// How few pixels a map is made of. Both say nothing of whether these are the right ones.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"

namespace legrad::eval {
namespace {

std::vector<double> measure_complexity(const Case& seen, const Maps& maps) {
  const at::Tensor heat = maps.heat[seen.predicted];
  return {gini_index(heat), 1, entropy(heat), 1};
}

}  // namespace

double gini_index(const at::Tensor& map) {
  const at::Tensor sizes = std::get<0>(map.flatten().to(at::kDouble).abs().sort());
  const double all = sizes.sum().item<double>();
  if (!(all > 0)) return 0;
  const auto n = static_cast<double>(sizes.numel());
  const at::Tensor weights = at::arange(1, sizes.numel() + 1, at::kDouble) * 2 - (n + 1);
  return (weights * sizes).sum().item<double>() / (n * all);
}

double entropy(const at::Tensor& map) {
  const at::Tensor sizes = map.flatten().to(at::kDouble).abs();
  const double all = sizes.sum().item<double>();
  if (!(all > 0)) return std::log(static_cast<double>(sizes.numel()));
  const at::Tensor shares = sizes / all;
  return -at::xlogy(shares, shares).sum().item<double>();
}

Metric complexity() {
  return {
      .name = "complexity",
      .source = "sparseness: Chalasani et al., ICML 2020; complexity: Bhatt et al., IJCAI 2020",
      .formula =
          "mean over pictures, over the predicted class's map m at the input's size: sparseness = Gini index of |m|; "
          "complexity = entropy, in nats, of |m| / sum |m|",
      .scores = {mean_score("sparseness", "how unequally the map is spread: 0 flat, near 1 a point"),
                 mean_score("complexity", "entropy of the map: 0 a point, ln(pixels) flat", false, 2)},
      .measure = measure_complexity};
}

}  // namespace legrad::eval
