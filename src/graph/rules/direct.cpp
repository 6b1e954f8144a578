#include "graph/rules/direct.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "graph/rules/groups.h"
#include "graph/rules/vjp.h"

namespace legrad::graph {
namespace {

Shares nothing(const Call&, const Cotangent&) { return {}; }

at::Tensor weighted(const Call& call, const at::Tensor& back) {
  return call.has("weight") ? back * call.tensor("weight") : back;
}

Shares held_rms_norm(const Call& call, const Cotangent& back) {
  const auto square = call.tensor("input").square().mean(norm_dims(call), /*keepdim=*/true);
  return {{"input", weighted(call, back[0]) * (square + norm_eps(call)).rsqrt()}};
}

// Of two values, one is what the other is gated by: a layer of its own.
Shares held_mul(const Call& call, const Cotangent& back) {
  return call.follows("self") && call.follows("other") ? Shares() : vjp_mul(call, back);
}

Shares held_div(const Call& call, const Cotangent& back) {
  if (!call.follows("self")) call.refuse("a constant divided by a value has no rule");
  return {{"self", back[0] / call.number("other")}};
}

}  // namespace

Shares held_layer_norm(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("input");
  const auto variance = x.var(norm_dims(call), /*correction=*/0, /*keepdim=*/true);
  return {{"input", weighted(call, back[0]) * (variance + call.argument("eps").toDouble()).rsqrt()}};
}

std::shared_ptr<const Rules> held_norm_rules() {
  auto rules =
      vjp_rules()->with("held_norm", {{"layer_norm", held_layer_norm}, {"rms_norm", held_rms_norm}, {"div", held_div}});
  rules.gradient = true;
  return std::make_shared<const Rules>(std::move(rules));
}

std::shared_ptr<const Rules> direct_rules() {
  std::map<std::string, Rule> cut = {{"mul", held_mul}};
  for (const char* name : {"gelu", "silu", "relu", "tanh", "sigmoid", "softmax", "scaled_dot_product_attention"}) {
    cut[name] = nothing;
  }
  return std::make_shared<const Rules>(held_norm_rules()->with("direct", cut));
}

}  // namespace legrad::graph
