// Open-vocabulary segmentation judged at points: OpenImages V7 has places that people answered "yes" or "no" for, in
// place of masks.
#include <ATen/TensorOperators.h>
#include <legrad/heatmap.h>

#include <array>
#include <limits>
#include <optional>

#include "eval/metrics/metrics.h"

namespace legrad::eval {
namespace {

constexpr double kThreshold = 0.5;

/// What a prediction said at the points of a class, and what people said.
struct Points {
  double hit = 0;        ///< yes and yes
  double false_yes = 0;  ///< predicted only
  double missed = 0;     ///< said by people only
  double rejected = 0;   ///< no and no

  double all() const { return hit + false_yes + missed + rejected; }
  double foreground_union() const { return hit + false_yes + missed; }
  double background_union() const { return rejected + false_yes + missed; }
};

// Sums: {Σ IoU of a picture's class, such classes, then `Points` of each class of the model}.
constexpr size_t kPerClass = 2;
constexpr size_t kNumbers = 4;

Points points_of(std::span<const double> sums, size_t index) {
  const auto at = sums.subspan(kPerClass + kNumbers * index, kNumbers);
  return {at[0], at[1], at[2], at[3]};
}

size_t classes_in(std::span<const double> sums) { return (sums.size() - kPerClass) / kNumbers; }

Points count(const Case& seen, const Question& question, const at::Tensor& heat) {
  Points points;
  if (question.region == nullptr || !seen.pixel_of) return points;
  const at::Tensor hot = normalized(heat.to(at::kDouble)).gt(kThreshold);
  const auto visit = [&](const std::vector<Point>& places, double& if_hot, double& if_cold) {
    for (const Point& place : places) {
      const auto pixel = seen.pixel_of(place);
      if (!pixel) continue;
      (hot[(*pixel)[0]][(*pixel)[1]].item<bool>() ? if_hot : if_cold) += 1;
    }
  };
  visit(question.region->yes, points.hit, points.missed);
  visit(question.region->no, points.false_yes, points.rejected);
  return points;
}

std::vector<double> measure_p_miou(const Case& seen, const Maps& maps, size_t classes) {
  std::vector<double> sums(kPerClass + kNumbers * classes, 0.0);
  bool any = false;
  for (size_t k = 0; k < seen.questions.size(); ++k) {
    const Question& question = seen.questions[k];
    const Points points = count(seen, question, maps.heat[static_cast<int64_t>(k)]);
    any = any || points.all() > 0;
    if (points.foreground_union() > 0) {
      sums[0] += points.hit / points.foreground_union();
      sums[1] += 1;
    }
    const size_t first = kPerClass + kNumbers * static_cast<size_t>(question.index);
    const std::array numbers = {points.hit, points.false_yes, points.missed, points.rejected};
    for (size_t i = 0; i < kNumbers; ++i) sums[first + i] += numbers[i];
  }
  return any ? sums : std::vector<double>{};
}

/// The mean of `iou` over the classes that it says something of.
double mean_over_classes(std::span<const double> sums, std::optional<double> (*iou)(const Points&)) {
  double sum = 0;
  double met = 0;
  for (size_t c = 0; c < classes_in(sums); ++c) {
    if (const auto value = iou(points_of(sums, c))) {
      sum += *value;
      ++met;
    }
  }
  return met > 0 ? sum / met : std::numeric_limits<double>::quiet_NaN();
}

std::optional<double> foreground_iou(const Points& points) {
  if (points.foreground_union() == 0) return std::nullopt;
  return points.hit / points.foreground_union();
}

std::optional<double> two_class_iou(const Points& points) {
  const auto foreground = foreground_iou(points);
  if (points.background_union() == 0) return foreground;
  const double background = points.rejected / points.background_union();
  return foreground ? (*foreground + background) / 2 : background;
}

double number_of_points(std::span<const double> sums) {
  double number = 0;
  for (size_t c = 0; c < classes_in(sums); ++c) number += points_of(sums, c).all();
  return number;
}

}  // namespace

Metric p_miou(int64_t classes) {
  const auto score = [](const char* name, const char* explains, std::optional<double> (*iou)(const Points&)) -> Score {
    return {.name = name,
            .explains = explains,
            .value = [iou](std::span<const double> sums) { return mean_over_classes(sums, iou); },
            .count = number_of_points};
  };
  return {
      .name = "p_miou",
      .source = "Bousselham et al., LeGrad, arXiv 2404.03214; OpenImages V7 points: Benenson & Ferrari, 2022",
      .formula =
          "prediction = min-max of the map > 0.5 at the yes and no points; p_miou = mean over classes of TP / (TP + "
          "FP + FN) over a class's points in all pictures; _two_class takes the mean with the background's TN / "
          "(TN + FP + FN); _per_image is the mean over pictures and their classes. A union of no points is left out",
      .needs = {.points = true},
      .scores = {score("p_miou", "IoU at points, mean over classes", foreground_iou),
                 score("p_miou_two_class", "the same, mean of foreground and background", two_class_iou),
                 mean_score("p_miou_per_image", "IoU at the points of a class in a picture, mean over these")},
      .measure = [count = static_cast<size_t>(classes)](const Case& seen, const Maps& maps) {
        return measure_p_miou(seen, maps, count);
      }};
}

}  // namespace legrad::eval
