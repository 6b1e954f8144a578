#include "graph/ir/tape.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <utility>

namespace legrad::graph {

Tape::Tape(std::vector<at::Tensor> outputs, std::vector<at::Tensor> leaves)
    : outputs_(std::move(outputs)), leaves_(std::move(leaves)) {}

Tape::Tape(std::vector<at::Tensor> outputs, Walk walk) : outputs_(std::move(outputs)), walk_(std::move(walk)) {}

std::vector<at::Tensor> Tape::pull(const std::vector<at::Tensor>& cotangents, bool keep) const {
  if (walk_) return walk_(cotangents);
  std::vector<at::Tensor> outputs, given;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (!cotangents.at(i).defined() || !outputs_[i].requires_grad()) continue;
    outputs.push_back(outputs_[i]);
    given.push_back(cotangents[i]);
  }
  std::vector<at::Tensor> pulled(leaves_.size());
  if (!outputs.empty()) {
    pulled = torch::autograd::grad(outputs, leaves_, given, keep, /*create_graph=*/false, /*allow_unused=*/true);
  }
  for (size_t i = 0; i < pulled.size(); ++i) {
    if (!pulled[i].defined()) pulled[i] = at::zeros_like(leaves_[i]);
  }
  return pulled;
}

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct HeldWalk : torch::CustomClassHolder {
  HeldWalk(variable_list given, Tape::Walk how) : outputs(std::move(given)), walk(std::move(how)) {}
  variable_list outputs;
  Tape::Walk walk;
};

/// A walk as an operator of autograd's.
struct Pull : torch::autograd::Function<Pull> {
  static variable_list forward(AutogradContext* context, at::TensorList /*inputs*/,
                               const c10::intrusive_ptr<HeldWalk>& held) {
    context->saved_data["walk"] = c10::IValue::make_capsule(held);
    context->set_materialize_grads(false);
    return std::exchange(held->outputs, {});  // kept by whoever needs them
  }
  static variable_list backward(AutogradContext* context, const variable_list& cotangents) {
    const auto held = context->saved_data["walk"].toCapsule();
    auto pulled = static_cast<const HeldWalk&>(*held).walk(cotangents);
    pulled.emplace_back();  // of the walk itself
    return pulled;
  }
};

}  // namespace

std::vector<at::Tensor> Tape::differentiable(std::vector<at::Tensor> outputs, Walk walk,
                                             const std::vector<at::Tensor>& inputs) {
  // What is returned leads to the walk. That may hold the outputs as they were given, which must not lead back to it:
  // both would keep each other for ever.
  for (auto& output : outputs) output = output.detach();
  return Pull::apply(at::TensorList(inputs), c10::make_intrusive<HeldWalk>(std::move(outputs), std::move(walk)));
}

at::Tensor with_back(const at::Tensor& input, const std::function<at::Tensor()>& run,
                     std::function<at::Tensor(const at::Tensor& cotangent)> back) {
  at::Tensor output;
  {
    const at::AutoGradMode off(false);
    output = run();
  }
  if (!at::GradMode::is_enabled() || !input.requires_grad()) return output;
  const auto walk = [back = std::move(back)](const std::vector<at::Tensor>& cotangents) {
    return std::vector<at::Tensor>{back(cotangents[0])};
  };
  return Tape::differentiable({output}, walk, {input})[0];
}

}  // namespace legrad::graph
