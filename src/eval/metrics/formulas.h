#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// What the metrics compute, over tensors. Heat and maps are floating-point and finite, masks are bool of the same
// shape; shapes are [H, W] where it says so, else any. All is computed in double, and no number is ever NaN.
namespace legrad::eval {

/// AP with a rank for each pixel: the mean, over the pixels of `mask`, of the share of `mask` among the pixels up to
/// that one. Pixels go by falling heat, tied ones in row order. 0 for an empty mask.
double average_precision(const at::Tensor& heat, const at::Tensor& mask);

/// AP = Σₙ (Rₙ − Rₙ₋₁) Pₙ over the distinct values of `heat` as thresholds, falling; tied pixels count together, as in
/// scikit-learn's average_precision_score. 0 for an empty mask.
double average_precision_by_threshold(const at::Tensor& heat, const at::Tensor& mask);

/// Row and column of the greatest value of heat [H, W], the first in row order of several.
std::array<int64_t, 2> hottest_pixel(const at::Tensor& heat);

/// Whether a pixel of mask [H, W] lies within `tolerance` pixels of the hottest one of heat [H, W], middle to middle.
bool points_at(const at::Tensor& heat, const at::Tensor& mask, double tolerance);

/// Intersection and union of a mask and what is taken for it, in pixels, for one of two classes.
struct Overlap {
  double intersection = 0;
  double all = 0;
  /// 0 where the class is neither there nor predicted.
  double iou() const { return all > 0 ? intersection / all : 0; }
};

Overlap overlap(const at::Tensor& predicted, const at::Tensor& mask);

/// The share of all positive heat that lies on `mask`; 0 where no heat is positive.
double share_on_mask(const at::Tensor& heat, const at::Tensor& mask);

/// The mean of `heat` on `mask`; 0 for an empty mask.
double mean_on_mask(const at::Tensor& heat, const at::Tensor& mask);

/// The area under a curve by the trapezoid rule, `step` between its points; 0 for fewer than two points.
double trapezoid(std::span<const double> curve, double step);

/// Spearman's ρ: the correlation of ranks, tied values sharing their mean rank. None where either side is constant, or
/// for fewer than two values.
std::optional<double> spearman(std::span<const double> x, std::span<const double> y);

/// Gini index of the sizes |m|₍₁₎ ≤ … ≤ |m|₍ₙ₎ of a map: Σᵢ (2i − n − 1) |m|₍ᵢ₎ / (n Σᵢ |m|₍ᵢ₎). 0 for a flat map, also
/// one of zeros; 1 − 1/n for a single pixel.
double gini_index(const at::Tensor& map);

/// Entropy −Σᵢ pᵢ ln pᵢ in nats, of the shares p = |m| / Σ|m|; ln n, that of any flat map, for one of zeros.
double entropy(const at::Tensor& map);

/// ‖other − map‖ / ‖map‖, Euclidean; none for a map of zeros.
std::optional<double> relative_change(const at::Tensor& map, const at::Tensor& other);

/// Spearman's ρ of the sizes |m| of two maps; 0 where one is flat.
double rank_similarity(const at::Tensor& map, const at::Tensor& other);

/// Entropy in nats of a histogram of a map's values: 100 bins, equally wide, from the least to the greatest. 0 for a
/// flat map.
double histogram_entropy(const at::Tensor& map);

/// Images [9, 3, H, W] with the hottest 10 %, 20 %, ... 90 % of the pixels set to `fill` [1, 3, 1, 1].
at::Tensor without_hottest(const at::Tensor& image, const at::Tensor& heat, const at::Tensor& fill);

}  // namespace legrad::eval
