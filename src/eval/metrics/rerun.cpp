#include "eval/metrics/rerun.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <vector>

namespace legrad::eval {
namespace {

// Row i holds the weights exp(−(i − j)² / 2σ²) of what becomes pixel i of a side, over their sum.
at::Tensor gaussian_rows(int64_t side, double sigma, at::ScalarType dtype) {
  const at::Tensor place = at::arange(side, at::kDouble);
  const at::Tensor apart = place.unsqueeze(1) - place;
  const at::Tensor weights = at::exp(apart * apart / (-2 * sigma * sigma));
  return (weights / weights.sum(1, /*keepdim=*/true)).to(dtype);
}

}  // namespace

at::Tensor by_heat(const at::Tensor& heat, bool hottest_first) {
  return at::argsort(heat.flatten(), /*stable=*/true, /*dim=*/0, /*descending=*/hottest_first);
}

at::Tensor filled(const at::Tensor& image, const at::Tensor& fill, const at::Tensor& order, int64_t count) {
  at::Tensor gone = at::zeros({image.size(2) * image.size(3)}, at::kBool);
  gone.index_fill_(0, order.slice(0, 0, count), true);
  return at::where(gone.view({1, 1, image.size(2), image.size(3)}), fill, image);
}

at::Tensor blurred(const at::Tensor& image, double sigma) {
  const auto rows = [&](int64_t side) { return gaussian_rows(side, sigma, image.scalar_type()); };
  return at::matmul(at::matmul(rows(image.size(2)), image), rows(image.size(3)).t());
}

at::Tensor rerun(const Case& seen, int64_t count, const std::function<at::Tensor(int64_t index)>& image) {
  std::vector<at::Tensor> scores;
  for (int64_t first = 0; first < count; first += kRerunBatch) {
    std::vector<at::Tensor> batch;
    for (int64_t i = first; i < std::min(first + kRerunBatch, count); ++i) batch.push_back(image(i));
    scores.push_back(seen.run(at::cat(batch)).to(at::kCPU, at::kDouble));
  }
  return at::cat(scores);
}

}  // namespace legrad::eval
