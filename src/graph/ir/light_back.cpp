#include "graph/ir/light_back.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/WrapDimUtils.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "graph/ir/tape.h"

namespace legrad::graph {
namespace {

class GeluBack {
 public:
  GeluBack(at::Tensor input, std::string approximate)
      : input_(std::move(input)), approximate_(std::move(approximate)) {}

  at::Tensor operator()(const at::Tensor& cotangent) {
    const auto slope = kept_slope();
    return slope.defined() ? cotangent * slope : at::gelu_backward(cotangent, input_, approximate_);
  }

 private:
  // Nothing for the first, and in half types, where the slope itself would be rounded.
  at::Tensor kept_slope() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!std::exchange(asked_, true) || at::isReducedFloatingType(input_.scalar_type())) return {};
    if (!slope_.defined())
      slope_ = at::gelu_backward(at::ones({1}, input_.options()).expand_as(input_), input_, approximate_);
    return slope_;
  }

  at::Tensor input_;
  std::string approximate_;
  std::mutex mutex_;
  bool asked_ = false;
  at::Tensor slope_;
};

}  // namespace

at::Tensor gelu(const at::Tensor& input, const std::string& approximate) {
  const auto back = std::make_shared<GeluBack>(input.detach(), approximate);
  return with_back(
      input, [&] { return at::gelu(input, approximate); },
      [back](const at::Tensor& cotangent) { return (*back)(cotangent); });
}

at::Tensor mean(const at::Tensor& input, at::IntArrayRef dims, bool keepdim) {
  std::vector<int64_t> gone;
  if (!keepdim) gone = dims.vec();
  at::maybe_wrap_dims(gone, input.dim());
  std::ranges::sort(gone);
  return with_back(
      input, [&] { return at::mean(input, dims, keepdim); },
      [gone, sizes = input.sizes().vec()](const at::Tensor& cotangent) {
        auto back =
            cotangent / (static_cast<double>(c10::multiply_integers(sizes)) / static_cast<double>(cotangent.numel()));
        for (const int64_t dim : gone) back = back.unsqueeze(dim);
        return back.expand(sizes);
      });
}

}  // namespace legrad::graph
