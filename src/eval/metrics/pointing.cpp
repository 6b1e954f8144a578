// The pointing game: does the hottest pixel lie on the object? Zhang et al. count a hit within 15 pixels of it, so that
// thin objects have a chance, and average the hit rates of classes.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <limits>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/objects.h"

namespace legrad::eval {
namespace {

constexpr double kTolerance = 15;

// Sums: {strict hits, objects, hits within the tolerance of each class..., objects of each class...}.
constexpr size_t kRatesFrom = 2;

double mean_of_classes(std::span<const double> sums, size_t classes) {
  double rates = 0;
  double met = 0;
  for (size_t c = 0; c < classes; ++c) {
    const double objects = sums[kRatesFrom + classes + c];
    if (objects == 0) continue;
    rates += sums[kRatesFrom + c] / objects;
    ++met;
  }
  return met > 0 ? rates / met : std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> measure_pointing(const Case& seen, const Maps& maps, size_t classes) {
  const auto found = objects(seen);
  if (found.empty()) return {};
  std::vector<double> sums(kRatesFrom + 2 * classes, 0.0);
  for (const size_t k : found) {
    const Question& question = seen.questions[k];
    at::Tensor heat = maps.heat[static_cast<int64_t>(k)];
    at::Tensor mask = question.mask;
    if (seen.unlabelled.defined()) {
      heat = heat.masked_fill(seen.unlabelled, -std::numeric_limits<double>::infinity());
      mask = mask & ~seen.unlabelled;
    }
    sums[0] += points_at(heat, mask, 0) ? 1 : 0;
    sums[1] += 1;
    const auto index = static_cast<size_t>(question.index);
    sums[kRatesFrom + index] += points_at(heat, mask, kTolerance) ? 1 : 0;
    sums[kRatesFrom + classes + index] += 1;
  }
  return sums;
}

}  // namespace

std::array<int64_t, 2> hottest_pixel(const at::Tensor& heat) {
  const auto place = heat.argmax().item<int64_t>();  // over all pixels; the first of several
  return {place / heat.size(1), place % heat.size(1)};
}

bool points_at(const at::Tensor& heat, const at::Tensor& mask, double tolerance) {
  const auto [row, column] = hottest_pixel(heat);
  const at::Tensor offsets = mask.nonzero() - at::tensor({row, column}, at::kLong);
  return (offsets * offsets).sum(1).le(tolerance * tolerance).any().item<bool>();
}

Metric pointing(int64_t classes) {
  const auto count = static_cast<size_t>(classes);
  Score near = {.name = "pointing_15",
                .explains = "the same, a mask pixel within 15 pixels of it, mean of the classes' hit rates",
                .value = [count](std::span<const double> sums) { return mean_of_classes(sums, count); },
                .count = [](std::span<const double> sums) { return sums[1]; }};
  return {.name = "pointing",
          .source = "Zhang et al., IJCV 2018; tolerance and mean over classes as in TorchRay (Fong et al., ICCV 2019)",
          .formula =
              "pointing: share of objects that the hottest pixel lies on; pointing_15: mean over classes of the share "
              "of objects with a mask pixel within 15 px of it; ties: the first in row order",
          .needs = {.masks = true},
          .scores = {mean_score("pointing", "the hottest pixel lies on the object"), std::move(near)},
          .measure = [count](const Case& seen, const Maps& maps) { return measure_pointing(seen, maps, count); }};
}

}  // namespace legrad::eval
