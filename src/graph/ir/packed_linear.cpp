#include "graph/ir/packed_linear.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include "graph/ir/linear.h"
#include "graph/ir/tape.h"

namespace legrad::graph {
namespace {

// LibTorch's own operators around MKL's packed products; it has them where it was built with MKL.
std::optional<c10::OperatorHandle> packs() {
  return c10::Dispatcher::singleton().findSchema({"mkl::_mkl_reorder_linear_weight", ""});
}
std::optional<c10::OperatorHandle> multiplies() {
  return c10::Dispatcher::singleton().findSchema({"mkl::_mkl_linear", ""});
}

at::Tensor call(const c10::OperatorHandle& operation, std::vector<c10::IValue> stack) {
  operation.callBoxed(stack);
  return std::move(stack.back()).toTensor();
}

struct Packed {
  c10::OperatorHandle multiply;
  at::Tensor weight;  // [outputs, inputs], as it was
  at::Tensor as_packed;
  int64_t rows;

  bool fits(const at::Tensor& input) const {
    return input.is_cpu() && input.scalar_type() == at::kFloat && input.numel() == rows * weight.size(1);
  }

  at::Tensor operator()(const at::Tensor& input, const std::optional<at::Tensor>& bias) const {
    if (!fits(input)) return graph::linear(input, weight, bias);
    return with_back(
        input,
        [&] {
          return call(multiply, {input.detach(), as_packed, weight, bias, rows});
        },
        [w = weight](const at::Tensor& cotangent) { return linear_back(cotangent, w); });
  }
};

}  // namespace

std::optional<Step> LinearPacker::pack(const at::Tensor& weight) {
  const auto found = packed_.find(weight.unsafeGetTensorImpl());
  if (found != packed_.end()) return found->second;
  const auto pack = packs();
  const auto multiply = multiplies();
  const bool fits = weight.is_cpu() && weight.scalar_type() == at::kFloat && weight.dim() == 2 &&
                    weight.is_contiguous() && static_cast<int64_t>(weight.nbytes()) <= bytes_;
  if (!pack || !multiply || !fits) return std::nullopt;
  const at::AutoGradMode off(false);
  const Packed packed{*multiply, weight, call(*pack, {weight.detach(), rows_}), rows_};
  bytes_ -= static_cast<int64_t>(weight.nbytes());
  const Step step = [packed](std::vector<c10::IValue>& stack) {
    auto output = packed(stack[0].toTensor(), stack[2].toOptional<at::Tensor>());
    stack.clear();
    stack.emplace_back(std::move(output));
  };
  return packed_.emplace(weight.unsafeGetTensorImpl(), step).first->second;
}

}  // namespace legrad::graph
