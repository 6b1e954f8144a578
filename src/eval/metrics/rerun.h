#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/eval/metric.h>

#include <cstdint>
#include <functional>

namespace legrad::eval {

/// Re-runs go through the model so many at a time: more do not make a CPU faster, and take memory.
constexpr int64_t kRerunBatch = 18;

/// Places of the pixels of heat [H, W] in row order, int64 [H·W], the hottest first or the coldest; tied pixels stay in
/// row order either way.
at::Tensor by_heat(const at::Tensor& heat, bool hottest_first);

/// Image [1, 3, H, W] with `fill` ([1, 3, 1, 1] or [1, 3, H, W]) in all channels of the first `count` pixels of
/// `order`.
at::Tensor filled(const at::Tensor& image, const at::Tensor& fill, const at::Tensor& order, int64_t count);

/// Image [1, 3, H, W] under a Gaussian of `sigma` pixels; beyond the edge there is nothing, and weights add up to 1.
at::Tensor blurred(const at::Tensor& image, double sigma);

/// Scores [count, C] of images 0 to count − 1, each made by `image` as [1, 3, H, W] when its batch is run.
at::Tensor rerun(const Case& seen, int64_t count, const std::function<at::Tensor(int64_t index)>& image);

}  // namespace legrad::eval
