#include "graph/rules/gamma.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/rules.h>

#include <functional>

namespace legrad::graph {
namespace {

// A product of numbers with weights, W x + b, and what passes back through it.
struct Product {
  std::function<at::Tensor(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)> forward;
  std::function<at::Tensor(const at::Tensor& back, const at::Tensor& weight)> backward;
};

// Of z = W x + b, a positive z as if the weights were W + γ W⁺ on x⁺ and W + γ W⁻ on x⁻, a negative one the other way.
at::Tensor by_gamma(const Product& product, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const at::Tensor& z, const at::Tensor& back, double gamma) {
  const auto favoured = [&](const at::Tensor& t, bool up) {
    return t.defined() ? t + gamma * (up ? t.clamp_min(0) : t.clamp_max(0)) : t;
  };
  const auto up = favoured(weight, true), down = favoured(weight, false);
  const auto above = x.clamp_min(0), below = x.clamp_max(0);
  const auto positive = product.forward(above, up, favoured(bias, true)) + product.forward(below, down, {});
  const auto negative = product.forward(above, down, favoured(bias, false)) + product.forward(below, up, {});
  const auto scaled = [&](const at::Tensor& by, const at::Tensor& where) {
    return (back * z / by).masked_fill(where.logical_or(by == 0), 0);
  };
  const auto of_positive = scaled(positive, z <= 0), of_negative = scaled(negative, z >= 0);
  const auto at_above = product.backward(of_positive, up) + product.backward(of_negative, down);
  const auto at_below = product.backward(of_positive, down) + product.backward(of_negative, up);
  return at_above.masked_fill(x <= 0, 0) + at_below.masked_fill(x >= 0, 0);
}

const Product& linear_product() {
  static const Product product = {[](const auto& x, const auto& weight, const auto& bias) {
                                    return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
                                  },
                                  [](const auto& back, const auto& weight) { return back.matmul(weight); }};
  return product;
}

Rule linear(double gamma) {
  return [gamma](const Call& call, const Cotangent& back) {
    if (call.follows("weight")) call.refuse("its weight depends on the input");
    const auto bias = call.has("bias") ? call.tensor("bias") : at::Tensor();
    return Shares{{"input", by_gamma(linear_product(), call.tensor("input"), call.tensor("weight"), bias, call.result(),
                                     back[0], gamma)}};
  };
}

// A product of matrices: with a constant one it is a linear layer. Of two values it has the plain rule, `plain`.
Rule matrices(const char* plain, const char* left, const char* right, double gamma) {
  return [=](const Call& call, const Cotangent& back) {
    const auto &x = call.tensor(left), &y = call.tensor(right);
    const bool of_left = call.follows(left), of_right = call.follows(right);
    if (of_left && of_right) return vjp_rules()->rows.at(plain)(call, back);
    if ((of_left ? y : x).dim() != 2) call.refuse("a product with a constant for each image has no rule with a gamma");
    if (of_left) return Shares{{left, by_gamma(linear_product(), x, y.t(), {}, call.result(), back[0], gamma)}};
    const auto turned = by_gamma(linear_product(), y.transpose(-2, -1), x, {}, call.result().transpose(-2, -1),
                                 back[0].transpose(-2, -1), gamma);
    return Shares{{right, turned.transpose(-2, -1)}};
  };
}

Rule addmm(double gamma) {
  return [gamma](const Call& call, const Cotangent& back) {
    if (!is_linear_layer(call)) call.refuse("other than as a linear layer it has no rule with a gamma");
    return Shares{{"mat1", by_gamma(linear_product(), call.tensor("mat1"), call.tensor("mat2").t(), call.tensor("self"),
                                    call.result(), back[0], gamma)}};
  };
}

Rule convolution(double gamma) {
  return [gamma](const Call& call, const Cotangent& back) {
    const auto& x = call.tensor("input");
    const auto conv = convolution_of(call);
    const Product product = {conv.forward,
                             [&](const auto& given, const auto& weight) { return conv.backward(given, x, weight); }};
    const auto bias = call.has("bias") ? call.tensor("bias") : at::Tensor();
    return Shares{{"input", by_gamma(product, x, call.tensor("weight"), bias, call.result(), back[0], gamma)}};
  };
}

}  // namespace

RuleRows gamma_of_linear_layers(double gamma) {
  if (gamma == 0) return {};
  return {{"linear", linear(gamma)},
          {"matmul", matrices("matmul", "self", "other", gamma)},
          {"bmm", matrices("bmm", "self", "mat2", gamma)},
          {"mm", matrices("mm", "self", "mat2", gamma)},
          {"addmm", addmm(gamma)}};
}

RuleRows gamma_of_convolutions(double gamma) {
  if (gamma == 0) return {};
  RuleRows rows;
  for (const char* name : {"conv2d", "convolution", "_convolution", "_convolution_mode"}) {
    rows.emplace(name, convolution(gamma));
  }
  return rows;
}

}  // namespace legrad::graph
