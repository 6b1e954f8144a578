#include "graph/ir/tape.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/autograd.h>

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

}  // namespace legrad::graph
