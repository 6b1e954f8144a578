#include "graph/ir/in_place.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <utility>

namespace legrad::graph {
namespace {

using Stack = std::vector<c10::IValue>;

// Whether nobody but the stack has the tensor, or another view of what it holds.
bool is_free(const c10::IValue& value) {
  if (!value.isTensor()) return false;
  const auto& tensor = value.toTensor();
  return tensor.defined() && tensor.use_count() == 1 && tensor.layout() == at::kStrided && tensor.has_storage() &&
         tensor.storage().use_count() == 1 && tensor.is_floating_point() && tensor.is_non_overlapping_and_dense();
}

// Whether the result of `operand` and `other`, element by element, is laid out as `operand` is.
bool is_like(const at::Tensor& operand, const at::Tensor& other) {
  if (operand.scalar_type() != other.scalar_type() || operand.device() != other.device()) return false;
  if (other.dim() == 1) return operand.dim() > 1 && operand.size(-1) == other.size(0);
  return operand.sizes() == other.sizes() && operand.strides() == other.strides();
}

void give(Stack& stack, at::Tensor result) {
  stack.clear();
  stack.emplace_back(std::move(result));
}

// f(x)
template <class Into>
Step of_one(Step ordinary, const Into& into) {
  return [ordinary = std::move(ordinary), into](Stack& stack) {
    if (at::GradMode::is_enabled() || !is_free(stack[0])) return ordinary(stack);
    auto result = stack[0].toTensor();
    into(result, stack);
    give(stack, std::move(result));
  };
}

// f(x, y), over the one or the other.
template <class Into>
Step of_two(Step ordinary, const Into& into) {
  return [ordinary = std::move(ordinary), into](Stack& stack) {
    if (at::GradMode::is_enabled()) return ordinary(stack);
    for (const size_t at : {0, 1}) {
      if (!is_free(stack[at]) || !is_like(stack[at].toTensor(), stack[1 - at].toTensor())) continue;
      auto result = stack[at].toTensor();
      into(result, stack);
      return give(stack, std::move(result));
    }
    ordinary(stack);
  };
}

}  // namespace

Step in_place(const Node* node, Step ordinary) {
  if (!node->maybeSchema()) return ordinary;
  const auto& overload = node->schema().overload_name();
  if (node->kind() == aten::gelu) {
    return of_one(std::move(ordinary), [](at::Tensor& result, const Stack& stack) {
      at::gelu_out(result, stack[0].toTensor(), stack[1].toStringView());
    });
  }
  if (node->kind() == aten::silu) {
    return of_one(std::move(ordinary),
                  [](at::Tensor& result, const Stack& stack) { at::silu_out(result, stack[0].toTensor()); });
  }
  if (node->kind() == aten::sigmoid) {
    return of_one(std::move(ordinary),
                  [](at::Tensor& result, const Stack& stack) { at::sigmoid_out(result, stack[0].toTensor()); });
  }
  if (node->kind() == aten::add && overload == "Tensor") {
    return of_two(std::move(ordinary), [](at::Tensor& result, const Stack& stack) {
      at::add_out(result, stack[0].toTensor(), stack[1].toTensor(), stack[2].toScalar());
    });
  }
  if (node->kind() == aten::mul && overload == "Tensor") {
    return of_two(std::move(ordinary), [](at::Tensor& result, const Stack& stack) {
      at::mul_out(result, stack[0].toTensor(), stack[1].toTensor());
    });
  }
  return ordinary;
}

}  // namespace legrad::graph
