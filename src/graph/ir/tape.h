#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace legrad::graph {

/// What was computed from some leaves, kept so that cotangents of the outputs can be pulled back to them: the one place
/// where gradients are taken. By autograd, or by a walk over a program with a table of rules (`Program::record`).
class Tape {
 public:
  using Walk = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>& cotangents)>;

  /// `outputs` were computed from `leaves` while gradients were recorded.
  Tape(std::vector<at::Tensor> outputs, std::vector<at::Tensor> leaves);
  /// `walk` pulls cotangents of the outputs back.
  Tape(std::vector<at::Tensor> outputs, Walk walk);

  /// As computed; one that no gradient leads from does not require any.
  const std::vector<at::Tensor>& outputs() const { return outputs_; }

  /// Σ_i cotangent_i · ∂output_i/∂leaf for each leaf; zeros for a leaf that no output depends on. A cotangent that is
  /// left undefined counts as zeros. With `keep`, it can be asked again; a walk can be in any case.
  std::vector<at::Tensor> pull(const std::vector<at::Tensor>& cotangents, bool keep = false) const;

  /// `outputs` as something that autograd takes for a function of `inputs`: what it asks of them the walk tells, once
  /// or more often, a cotangent for each output and one for each input.
  static std::vector<at::Tensor> differentiable(std::vector<at::Tensor> outputs, Walk walk,
                                                const std::vector<at::Tensor>& inputs);

 private:
  std::vector<at::Tensor> outputs_;
  std::vector<at::Tensor> leaves_;
  Walk walk_;
};

/// What `run` gives, which records no gradients, as something that can be differentiated with respect to `input`:
/// `back` takes a cotangent of the one to one of the other.
at::Tensor with_back(const at::Tensor& input, const std::function<at::Tensor()>& run,
                     std::function<at::Tensor(const at::Tensor& cotangent)> back);

}  // namespace legrad::graph
