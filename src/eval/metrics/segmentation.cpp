// A map as a segmentation of its object: foreground is what is above the map's own mean. As Chefer et al. evaluate on
// ImageNet-Segmentation, where a picture has one object; here each object is a picture of its own.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/heatmap.h>

#include <limits>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/objects.h"

namespace legrad::eval {
namespace {

// Places in the sums.
enum Sum : size_t {
  kCorrect,
  kPixels,
  kBackground,
  kBackgroundUnion,
  kForeground,
  kForegroundUnion,
  kAp,
  kApObjects,
  kIou,
  kIouObjects,
  kWidth
};

std::vector<double> measure_segmentation(const Case& seen, const Maps& maps) {
  const auto found = objects(seen);
  if (found.empty()) return {};
  std::vector<double> sums(kWidth, 0.0);
  for (const size_t k : found) {
    const at::Tensor relevance = normalized(maps.heat[static_cast<int64_t>(k)].to(at::kDouble));
    const at::Tensor predicted = labelled(seen, relevance.gt(relevance.mean()));
    const at::Tensor mask = labelled(seen, seen.questions[k].mask);
    const Overlap foreground = overlap(predicted, mask);
    const Overlap background = overlap(~predicted, ~mask);
    sums[kCorrect] += foreground.intersection + background.intersection;
    sums[kPixels] += static_cast<double>(mask.numel());
    sums[kBackground] += background.intersection;
    sums[kBackgroundUnion] += background.all;
    sums[kForeground] += foreground.intersection;
    sums[kForegroundUnion] += foreground.all;
    const at::Tensor on = labelled(seen, relevance);
    sums[kAp] += average_precision_by_threshold(at::cat({1 - on, on}), at::cat({~mask, mask}));
    sums[kApObjects] += 1;
    sums[kIou] += foreground.iou();
    sums[kIouObjects] += 1;
  }
  return sums;
}

double mean_iou(std::span<const double> sums) {
  if (sums[kPixels] == 0) return std::numeric_limits<double>::quiet_NaN();
  const Overlap background{sums[kBackground], sums[kBackgroundUnion]};
  const Overlap foreground{sums[kForeground], sums[kForegroundUnion]};
  return (background.iou() + foreground.iou()) / 2;
}

double accuracy(std::span<const double> sums) {
  return sums[kPixels] > 0 ? sums[kCorrect] / sums[kPixels] : std::numeric_limits<double>::quiet_NaN();
}

double number_of_objects(std::span<const double> sums) { return sums[kApObjects]; }

}  // namespace

Overlap overlap(const at::Tensor& predicted, const at::Tensor& mask) {
  const auto count = [](const at::Tensor& pixels) { return static_cast<double>(pixels.sum().item<int64_t>()); };
  return {count(predicted & mask), count(predicted | mask)};
}

double average_precision_by_threshold(const at::Tensor& heat, const at::Tensor& mask) {
  const auto [values, order] = heat.flatten().sort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
  const at::Tensor found = mask.flatten().index_select(0, order).to(at::kDouble).cumsum(0);
  const int64_t n = values.numel();
  if (n == 0 || found[n - 1].item<double>() == 0) return 0;
  // A threshold takes all pixels of its value: up to the last one before a smaller value.
  const at::Tensor last = at::cat({values.slice(0, 0, n - 1).ne(values.slice(0, 1)), at::ones({1}, at::kBool)});
  const at::Tensor taken = last.nonzero().flatten();
  const at::Tensor hits = found.index_select(0, taken);
  const at::Tensor more = at::diff(hits, /*n=*/1, /*dim=*/0, /*prepend=*/at::zeros({1}, at::kDouble));
  return (more * hits / (taken + 1)).sum().item<double>() / found[n - 1].item<double>();
}

Metric segmentation() {
  return {.name = "segmentation",
          .source = "Chefer et al., CVPR 2021 (ImageNet-Segmentation protocol; Guillaumin et al., IJCV 2014)",
          .formula =
              "R = min-max of a map, foreground = R > mean(R). pixel_accuracy and miou (mean of the IoU of background "
              "and foreground) from pixels summed over all objects; map = mean over objects of the AP of [1 - R, R] "
              "for [background, foreground], both channels in one list, ties together; iou_per_object = mean over "
              "objects of the foreground's IoU",
          .needs = {.masks = true},
          .scores = {{.name = "pixel_accuracy",
                      .explains = "share of pixels rightly told object or not",
                      .value = accuracy,
                      .count = number_of_objects},
                     {.name = "miou",
                      .explains = "mean IoU of background and foreground over all pixels",
                      .value = mean_iou,
                      .count = number_of_objects},
                     mean_score("map", "mean over objects of the AP of both classes", true, kAp),
                     mean_score("iou_per_object", "mean over objects of the foreground's IoU", true, kIou)},
          .measure = measure_segmentation};
}

}  // namespace legrad::eval
