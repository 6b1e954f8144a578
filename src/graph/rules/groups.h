#pragma once

#include <legrad/rules.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace legrad::graph {

using RuleRows = std::map<std::string, Rule>;

/// Operators that move numbers about, copy them or leave some out. What comes back goes where it came from, in every
/// table.
RuleRows move_rules();

/// Sums, products of numbers, powers, activations and means.
RuleRows arithmetic_rules();

/// Linear layers, matrix products, convolutions and layer norms.
RuleRows product_rules();

/// Softmax, and attention by it.
RuleRows attention_rules();

// What other tables build on.

/// A reduction's result with its dimensions put back as ones; over all dimensions where none are given.
at::Tensor with_reduced_dims(const Call& call, const at::Tensor& reduced);

/// The dimensions, counted from the end, that a norm is taken over.
std::vector<int64_t> norm_dims(const Call& call);

/// What a norm gives, times its weight where it has one.
at::Tensor with_weight(const Call& call, const at::Tensor& back);

/// The rule for a layer norm whose mean and spread are constants.
Shares held_layer_norm(const Call& call, const Cotangent& back);

/// What an RMS norm adds to the mean of squares, given or by default.
double norm_eps(const Call& call);

/// Whether an `addmm` is a linear layer, x W + b of a value x with a constant weight and bias, as exports in small
/// operators have it.
bool is_linear_layer(const Call& addmm);

/// A convolution over an image with other weights, and what passes back through it to its input.
struct Convolution {
  std::function<at::Tensor(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)> forward;
  std::function<at::Tensor(const at::Tensor& back, const at::Tensor& x, const at::Tensor& weight)> backward;
};

/// As it ran. Refuses weights that depend on the input, transposed ones and padding to the same size.
Convolution convolution_of(const Call& call);

Shares vjp_add(const Call& call, const Cotangent& back);
Shares vjp_mul(const Call& call, const Cotangent& back);
Shares vjp_amax(const Call& call, const Cotangent& back);
Shares vjp_attention(const Call& call, const Cotangent& back);

}  // namespace legrad::graph
