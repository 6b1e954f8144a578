// How much can a map change although the image hardly does?
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "eval/metrics/formulas.h"
#include "eval/metrics/metrics.h"
#include "io/split_mix.h"

namespace legrad::eval {
namespace {

constexpr int kNoises = 10;
constexpr double kRadius = 0.2;

/// Even noise in [-kRadius, kRadius), of the shape of `image`.
at::Tensor noise_like(const at::Tensor& image, io::SplitMix64& random) {
  at::Tensor noise = at::empty(image.sizes(), at::kFloat);
  float* const values = noise.mutable_data_ptr<float>();
  std::generate_n(values, noise.numel(), [&] { return static_cast<float>((2 * random.uniform() - 1) * kRadius); });
  return noise;
}

std::vector<double> measure_sensitivity(const Case& seen, const Maps& maps) {
  io::SplitMix64 random(seen.seed);
  const int64_t predicted = seen.questions[static_cast<size_t>(seen.predicted)].index;
  const at::Tensor map = maps.raw[seen.predicted];
  double most = 0;
  for (int i = 0; i < kNoises; ++i) {
    const at::Tensor other = maps.of(seen.input + noise_like(seen.input, random), {predicted})[0];
    const auto change = relative_change(map, other);
    if (!change) return {};
    most = std::max(most, *change);
  }
  return {most, 1};
}

}  // namespace

std::optional<double> relative_change(const at::Tensor& map, const at::Tensor& other) {
  const at::Tensor before = map.to(at::kDouble);
  const double size = before.norm().item<double>();
  if (!(size > 0)) return std::nullopt;
  return (other.to(at::kDouble) - before).norm().item<double>() / size;
}

Metric sensitivity() {
  return {
      .name = "sensitivity",
      .source = "Yeh et al., NeurIPS 2019, max-sensitivity; relative, as in Quantus",
      .formula =
          "mean over pictures of max ||m(x + e) - m(x)|| / ||m(x)|| over 10 draws of e, even in [-0.2, 0.2] for each "
          "preprocessed value; m the predicted class's raw map; maps of zeros are left out",
      .needs = {.maps = true},
      .scores = {mean_score("max_sensitivity", "how much a map changes under slight noise", false)},
      .measure = measure_sensitivity};
}

}  // namespace legrad::eval
