// Is the model still right when what a map calls relevant is taken away (positive), or what it calls irrelevant
// (negative)? Chefer et al.'s protocol. The map explains the predicted class, or the right one; "still right" is told
// by the right one in both.
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "eval/metrics/rerun.h"

namespace legrad::eval {
namespace {

// 10 %, 20 %, ..., 90 % of the pixels.
constexpr int64_t kSteps = 9;
constexpr double kStep = 0.1;

// Sums: {pictures, right on the whole picture, right after each step for map and direction by turns}.
constexpr size_t kWhole = 1;
constexpr size_t kFirst = 2;

struct Direction {
  const char* name;
  const char* explains;
  bool higher_is_better;
};

// In the order in which `measure` counts them.
constexpr std::array<Direction, 4> kCurves = {{
    {"positive_predicted", "accuracy as what is relevant to the predicted class goes first", false},
    {"negative_predicted", "accuracy as what is irrelevant to the predicted class goes first", true},
    {"positive_target", "accuracy as what is relevant to the right class goes first", false},
    {"negative_target", "accuracy as what is irrelevant to the right class goes first", true},
}};

double is_right(const Case& seen, const at::Tensor& scores) {
  return std::ranges::find(seen.labels, scores.argmax().item<int64_t>()) != seen.labels.end() ? 1 : 0;
}

/// The image after step 0 to kSteps - 1.
at::Tensor after(int64_t step, const at::Tensor& image, const at::Tensor& fill, const at::Tensor& order) {
  return filled(image, fill, order, order.numel() * (step + 1) / (kSteps + 1));
}

/// Whether the model is right after each step of positive and then of negative perturbation: one number each.
std::vector<double> both_curves(const Case& seen, const at::Tensor& heat, const at::Tensor& fill) {
  const std::array orders = {by_heat(heat, /*hottest_first=*/true), by_heat(heat, /*hottest_first=*/false)};
  const at::Tensor scores = rerun(seen, 2 * kSteps, [&](int64_t i) {
    return after(i % kSteps, seen.input, fill, orders[static_cast<size_t>(i / kSteps)]);
  });
  std::vector<double> right;
  for (int64_t i = 0; i < scores.size(0); ++i) right.push_back(is_right(seen, scores[i]));
  return right;
}

std::vector<double> measure_perturbation(const Case& seen, const Maps& maps, const at::Tensor& fill) {
  if (!seen.label) return {};
  std::vector<double> sums = {1, is_right(seen, seen.scores)};
  const auto predicted = both_curves(seen, maps.heat[seen.predicted], fill);
  const bool same_map = *seen.label == seen.predicted || !maps.looks_at_target;
  const auto target = same_map ? predicted : both_curves(seen, maps.heat[*seen.label], fill);
  sums.insert(sums.end(), predicted.begin(), predicted.end());
  sums.insert(sums.end(), target.begin(), target.end());
  return sums;
}

/// The area under accuracy over the share that is gone: from 0.1, or from 0, to 0.9.
double area(std::span<const double> sums, size_t curve, bool from_whole) {
  if (sums[0] == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto steps = sums.subspan(kFirst + curve * kSteps, kSteps);
  std::vector<double> right(steps.begin(), steps.end());
  if (from_whole) right.insert(right.begin(), sums[kWhole]);
  return trapezoid(right, kStep) / sums[0];
}

/// Accuracy over the share that is gone, from the whole picture on.
std::vector<Curve> curves(std::span<const double> sums, const std::string& suffix) {
  std::vector<Curve> all;
  for (size_t curve = 0; curve < kCurves.size(); ++curve) {
    Curve& drawn = all.emplace_back(Curve{"perturbation_" + std::string(kCurves[curve].name) + suffix, {0}, {}});
    drawn.y.push_back(sums[kWhole] / sums[0]);
    for (size_t step = 0; step < kSteps; ++step) {
      drawn.x.push_back(kStep * static_cast<double>(step + 1));
      drawn.y.push_back(sums[kFirst + curve * kSteps + step] / sums[0]);
    }
  }
  return all;
}

/// `suffix` tells the fill in names, `with` in words; `from_whole`: with the scores whose curve begins at 0.
Metric perturbation_by(const std::string& suffix, const std::string& with, bool from_whole,
                       std::function<at::Tensor(const Case&)> fill) {
  Metric metric = {
      .name = "perturbation" + suffix,
      .source = "Chefer et al., CVPR 2021; the area from 0 is that of the published figures",
      .formula =
          "trapezoid, over x = 0.1 ... 0.9 in steps of 0.1 (at most 0.8), of the share of pictures that "
          "the model is right on with the share x of their pixels set to " +
          with + ", by falling (positive) or rising (negative) heat",
      .needs = {.label = true, .runs = true},
      .scores = {},
      .measure = [fill = std::move(fill)](const Case& seen,
                                          const Maps& maps) { return measure_perturbation(seen, maps, fill(seen)); },
      .curves = [suffix](std::span<const double> sums) { return curves(sums, suffix); }};
  if (from_whole) metric.formula += "; _from_0: over x = 0 ... 0.9 (at most 0.9)";
  const auto add = [&](size_t curve, const std::string& ending, const std::string& more, bool whole) {
    metric.scores.push_back({.name = "perturbation_" + std::string(kCurves[curve].name) + suffix + ending,
                             .explains = kCurves[curve].explains + more,
                             .higher_is_better = kCurves[curve].higher_is_better,
                             .value = [curve, whole](std::span<const double> sums) { return area(sums, curve, whole); },
                             .count = [](std::span<const double> sums) { return sums[0]; }});
  };
  for (size_t curve = 0; curve < kCurves.size(); ++curve) add(curve, "", "", false);
  for (size_t curve = 0; from_whole && curve < kCurves.size(); ++curve) {
    add(curve, "_from_0", ", the whole picture with it", true);
  }
  return metric;
}

}  // namespace

double trapezoid(std::span<const double> curve, double step) {
  double area = 0;
  for (size_t i = 1; i < curve.size(); ++i) area += (curve[i - 1] + curve[i]) / 2 * step;
  return area;
}

at::Tensor without_hottest(const at::Tensor& image, const at::Tensor& heat, const at::Tensor& fill) {
  const at::Tensor order = by_heat(heat, /*hottest_first=*/true);
  std::vector<at::Tensor> images;
  for (int64_t step = 0; step < kSteps; ++step) images.push_back(after(step, image, fill, order));
  return at::cat(images);
}

Metric perturbation() {
  return perturbation_by("", "black", true, [](const Case& seen) { return seen.zero; });
}

Metric perturbation_mean() {
  return perturbation_by("_mean", "the picture's mean colour", false, [](const Case& seen) { return seen.mean; });
}

Metric perturbation_blur() {
  constexpr double kSigma = 1.0 / 16;  // of the shorter side: wider than a patch, so that no shape stays
  return perturbation_by("_blur", "the picture blurred (a Gaussian, sigma = 1/16 of the shorter side)", false,
                         [](const Case& seen) {
                           const auto side = static_cast<double>(std::min(seen.input.size(2), seen.input.size(3)));
                           return blurred(seen.input, kSigma * side);
                         });
}

}  // namespace legrad::eval
