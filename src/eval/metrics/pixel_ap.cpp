// Average precision of the pixels of an object, as in retrieval: the mask is what is to be found, the map ranks the
// pixels. It needs no threshold and is blind to any monotone change of the map.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/objects.h"

namespace legrad::eval {

double average_precision(const at::Tensor& heat, const at::Tensor& mask) {
  const at::Tensor order = at::argsort(heat.flatten(), /*stable=*/true, /*dim=*/0, /*descending=*/true);
  const at::Tensor hits = mask.flatten().index_select(0, order).to(at::kDouble);
  const double all = hits.sum().item<double>();
  if (all == 0) return 0;
  const at::Tensor precision = hits.cumsum(0) / at::arange(1, hits.numel() + 1, at::kDouble);
  return (precision * hits).sum().item<double>() / all;
}

Metric pixel_ap() {
  return {
      .name = "pixel_ap",
      .source = "average precision as in retrieval (Buckley & Voorhees, SIGIR 2000)",
      .formula =
          "mean over objects of the mean over mask pixels of the precision at the pixel's rank; ties in row order",
      .needs = {.masks = true},
      .scores = {mean_score("pixel_ap", "how far up an object's pixels rank in its map")},
      .measure = [](const Case& seen, const Maps& maps) { return sum_over_objects(seen, maps, average_precision); }};
}

}  // namespace legrad::eval
