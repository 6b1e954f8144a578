// How sure is the model of its class as the hottest pixels appear one after another in a blurred picture, or vanish
// from it? Causal metrics of RISE, whose authors go on row by row; here in 28 equal steps.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/rerun.h"

namespace legrad::eval {
namespace {

constexpr int64_t kStepsShown = 28;
// RISE blurs pictures of 224 pixels with a Gaussian of 5.
constexpr double kSigma = 5.0 / 224;

/// The mean height of a curve with equal steps.
double mean_height(std::span<const double> curve) { return trapezoid(curve, 1.0 / kStepsShown); }

std::vector<double> measure_insertion_deletion(const Case& seen, const Maps& maps) {
  const int64_t index = seen.questions[static_cast<size_t>(seen.predicted)].index;
  const at::Tensor order = by_heat(maps.heat[seen.predicted], /*hottest_first=*/true);
  const auto side = static_cast<double>(std::min(seen.input.size(2), seen.input.size(3)));
  const at::Tensor blur = blurred(seen.input, kSigma * side);
  const auto pixels = [&](int64_t step) { return order.numel() * step / kStepsShown; };
  // Insertion after 0 to 27 steps, then deletion after 1 to 28: the whole picture's scores are known.
  const at::Tensor scores = rerun(seen, 2 * kStepsShown, [&](int64_t i) {
    return i < kStepsShown ? filled(blur, seen.input, order, pixels(i))
                           : filled(seen.input, seen.zero, order, pixels(i - kStepsShown + 1));
  });
  const auto probability = [&](const at::Tensor& of) {
    return at::softmax(of.to(at::kDouble), -1)[index].item<double>();
  };
  std::vector<double> insertion;
  std::vector<double> deletion = {probability(seen.scores)};
  for (int64_t i = 0; i < scores.size(0); ++i)
    (i < kStepsShown ? insertion : deletion).push_back(probability(scores[i]));
  insertion.push_back(deletion.front());
  return {mean_height(insertion), 1, mean_height(deletion), 1};
}

}  // namespace

Metric insertion_deletion() {
  return {.name = "insertion_deletion",
          .source = "Petsiuk et al., RISE, BMVC 2018",
          .formula =
              "area under the predicted class's softmax over the share, 0 ... 1 in 28 steps, of pixels by falling heat "
              "that are put into the blurred picture (a Gaussian, sigma = 5/224 of the shorter side), or set to black",
          .needs = {.runs = true},
          .scores = {mean_score("insertion", "how fast the class appears as the hottest pixels are shown"),
                     mean_score("deletion", "how long the class stays as the hottest pixels go", false, 2)},
          .measure = measure_insertion_deletion};
}

}  // namespace legrad::eval
