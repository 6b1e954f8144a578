// Several objects in a picture: does the map of one look at that one, and not at whatever stands out? A method whose
// maps do not depend on the target can be right for one object of a picture at most.
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/objects.h"

namespace legrad::eval {
namespace {

std::vector<double> measure_own_over_other(const Case& seen, const Maps& maps) {
  const auto found = objects(seen);
  if (found.size() < 2) return {};
  std::vector<at::Tensor> masks;
  for (const size_t k : found) masks.push_back(labelled(seen, seen.questions[k].mask));
  double right = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const at::Tensor heat = labelled(seen, maps.heat[static_cast<int64_t>(found[i])]);
    const double own = mean_on_mask(heat, masks[i]);
    const bool densest = std::ranges::all_of(
        masks, [&](const at::Tensor& other) { return &other == &masks[i] || own > mean_on_mask(heat, other); });
    right += densest ? 1 : 0;
  }
  return {right, static_cast<double>(found.size())};
}

}  // namespace

double mean_on_mask(const at::Tensor& heat, const at::Tensor& mask) {
  const at::Tensor inside = heat.masked_select(mask).to(at::kDouble);
  return inside.numel() > 0 ? inside.mean().item<double>() : 0;
}

Metric own_over_other() {
  return {.name = "own_over_other",
          .source = "this library; after the two-object test of Chefer et al., CVPR 2021 (class-specific maps)",
          .formula =
              "share of objects k, in pictures of two classes or more, with mean(map k on mask k) > mean(map k on "
              "mask j) for all j != k",
          .needs = {.masks = true},
          .scores = {mean_score("own_over_other", "a map is denser on its own object than on every other")},
          .measure = measure_own_over_other};
}

}  // namespace legrad::eval
