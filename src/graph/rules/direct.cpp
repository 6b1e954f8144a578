#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/rules.h>

#include "graph/rules/groups.h"

namespace legrad {
namespace {

Shares nothing(const Call&, const Cotangent&) { return {}; }

Shares held_rms_norm(const Call& call, const Cotangent& back) {
  const auto square = call.tensor("input").square().mean(graph::norm_dims(call), /*keepdim=*/true);
  return {{"input", graph::with_weight(call, back[0]) * (square + graph::norm_eps(call)).rsqrt()}};
}

// Of two values, one is what the other is gated by: a layer of its own.
Shares held_mul(const Call& call, const Cotangent& back) {
  return call.follows("self") && call.follows("other") ? Shares() : graph::vjp_mul(call, back);
}

Shares held_div(const Call& call, const Cotangent& back) {
  if (!call.follows("self")) call.refuse("a constant divided by a value has no rule");
  return {{"self", back[0] / call.number("other")}};
}

}  // namespace

std::shared_ptr<const Rules> held_norm_rules() {
  static const auto kTable = [] {
    auto rules = vjp_rules()->with(
        "held_norm", {{"layer_norm", graph::held_layer_norm}, {"rms_norm", held_rms_norm}, {"div", held_div}});
    rules.holds_lengths = true;
    return std::make_shared<const Rules>(std::move(rules));
  }();
  return kTable;
}

std::shared_ptr<const Rules> direct_rules() {
  static const auto kTable = [] {
    std::map<std::string, Rule> cut = {{"mul", held_mul}};
    for (const char* name : {"gelu", "silu", "relu", "tanh", "sigmoid", "softmax", "scaled_dot_product_attention"}) {
      cut[name] = nothing;
    }
    return std::make_shared<const Rules>(held_norm_rules()->with("direct", cut));
  }();
  return kTable;
}

}  // namespace legrad
