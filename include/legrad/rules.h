#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace torch::jit {
struct Node;
}

namespace legrad {

/// What comes back to a value: one tensor; of a list, one for each of its tensors. An undefined one counts as zeros.
using Cotangent = std::vector<at::Tensor>;

/// An operator as it ran: its arguments by the names of its schema, whatever the overload, and what it gave.
class Call {
 public:
  Call(const torch::jit::Node* node, const std::vector<c10::IValue>& arguments, const std::vector<at::Tensor>& results,
       const std::vector<bool>& follows)
      : node_(node), arguments_(arguments), results_(results), follows_(follows) {}

  /// Whether this overload has such an argument and it was given.
  bool has(const char* name) const;
  const c10::IValue& argument(const char* name) const;
  const at::Tensor& tensor(const char* name) const { return argument(name).toTensor(); }
  std::vector<at::Tensor> tensors(const char* name) const { return argument(name).toTensorVector(); }
  int64_t integer(const char* name) const { return argument(name).toInt(); }
  bool flag(const char* name) const { return argument(name).toBool(); }
  std::vector<int64_t> integers(const char* name) const { return argument(name).toIntVector(); }
  /// A number or a tensor, as a tensor.
  at::Tensor number(const char* name) const;
  /// Whether what is asked about flows through that argument, so that a share of it is wanted.
  bool follows(const char* name) const;
  const at::Tensor& result(size_t at = 0) const { return results_.at(at); }
  /// For a form of the operator that a rule does not cover: throws `InputError` (`Reason::kNoRule`).
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  std::optional<size_t> place(const char* name) const;

  const torch::jit::Node* node_;
  const std::vector<c10::IValue>& arguments_;
  const std::vector<at::Tensor>& results_;
  const std::vector<bool>& follows_;
};

/// What of the results' cotangent goes to one argument. Where an argument was broadcast, the sum over its copies is
/// taken afterwards.
struct Share {
  Share(const char* to, at::Tensor tensor) : argument(to), parts{std::move(tensor)} {}
  Share(const char* to, Cotangent list) : argument(to), parts(std::move(list)) {}
  const char* argument;
  Cotangent parts;
};
using Shares = std::vector<Share>;

/// How a cotangent, or a relevance, passes an operator: a pure function of the operator as it ran and of what comes
/// back to its results, one for each, none of them undefined.
using Rule = std::function<Shares(const Call& call, const Cotangent& back)>;

/// A table operator → rule.
struct Rules {
  std::string name;                  ///< in messages
  std::map<std::string, Rule> rows;  ///< by the operator's name, without "aten::"
  bool gradient = false;       ///< what comes back is a gradient, changed or not; times the input it is a relevance
  bool holds_lengths = false;  ///< of a gradient: lengths are constants, an output's that is compared too

  /// The table with other rows in place of, or beside, its own.
  Rules with(std::string new_name, const std::map<std::string, Rule>& other) const;
};

// The tables that there are; each is one and the same at every call, those with a γ other than 0 are made anew.

/// The vector-Jacobian product of every operator that the models of docs/models.md are made of, as plain operators: the
/// same gradients as autograd's. An attention's makes a few rows of its map at a time.
std::shared_ptr<const Rules> vjp_rules();

/// The gradient with the mean and the spread of norms, and lengths, held as they are.
std::shared_ptr<const Rules> held_norm_rules();

/// The gradient along the direct path (Gandelsman et al., ICLR 2024): what a block adds to the stream reaches the
/// output by residual connections alone, so nothing passes an activation, a gate or another attention.
std::shared_ptr<const Rules> direct_rules();

/// Gradients changed so that the input times them is its relevance, by Achtibat et al., ICML 2024: a norm's spread is a
/// constant; an activation passes output / input; a product of two values gives half to each, so attention half to V
/// and a quarter to Q and to K. Linear layers and convolutions favour products of their output's own sign by γ (LRP-γ
/// in its form for inputs of either sign: Andéol et al., 2021); 0 is the plain gradient.
std::shared_ptr<const Rules> attn_lrp_rules(double gamma = 0, double gamma_of_convolutions = 0);

/// The same, but attention maps are constants, and relevance flows through V alone (conservative propagation, Ali et
/// al., ICML 2022).
std::shared_ptr<const Rules> cp_lrp_rules(double gamma = 0, double gamma_of_convolutions = 0);

/// LibraGrad's gradients (Mehri et al., CVPR 2025): what is no linear map of its input becomes one, by pruning or
/// scaling what passes back, so that an input times its gradient, and biases times theirs, add up to the score.
/// Attention maps, an activation's output over its input, and the spread of a norm are constants; a product of two
/// values gives half to each. For gradients alone these are the rules of conservative propagation.
std::shared_ptr<const Rules> libra_rules();

/// Relevance by the rules of Chefer et al., CVPR 2021 (their layers_ours): what a linear layer's output has goes to the
/// products that make it larger, in proportion; a sum's sides keep their shares of |relevance|, over one image; a
/// product of two values gives half to each; norms, activations and softmax hand on what they get.
std::shared_ptr<const Rules> lrp_ours_rules();

/// Relevance by the rules that Partial-LRP is compared by in the same paper (their layers_lrp): a linear layer's
/// products of two positive and of two negative numbers get the relevance each on their own, and sums are passed in
/// proportion.
std::shared_ptr<const Rules> lrp_rules();

}  // namespace legrad
