// The energy-based pointing game of Score-CAM: how much of the map lies on the object, whatever its highest point.
// Score-CAM takes boxes; masks are exact.
#include <ATen/TensorOperators.h>
#include <legrad/heatmap.h>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/objects.h"

namespace legrad::eval {
namespace {

std::vector<double> measure_energy(const Case& seen, const Maps& maps) {
  Maps stretched = maps;
  stretched.heat = normalized(maps.heat.to(at::kDouble));
  return sum_over_objects(seen, stretched, share_on_mask);
}

}  // namespace

double share_on_mask(const at::Tensor& heat, const at::Tensor& mask) {
  const at::Tensor positive = heat.to(at::kDouble).clamp_min(0);
  const double all = positive.sum().item<double>();
  return all > 0 ? positive.masked_select(mask).sum().item<double>() / all : 0;
}

Metric energy() {
  return {.name = "energy",
          .source = "Wang et al., Score-CAM, CVPR Workshops 2020, section 4.3",
          .formula = "mean over objects of sum(R on the mask) / sum(R), R = min-max of the map; a flat map has 0",
          .needs = {.masks = true},
          .scores = {mean_score("energy_inside", "share of the map's energy that lies on the object")},
          .measure = measure_energy};
}

}  // namespace legrad::eval
