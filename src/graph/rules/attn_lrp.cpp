#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/rules.h>

#include "graph/rules/gamma.h"
#include "graph/rules/groups.h"

namespace legrad {
namespace {

// f(x) / x, with f(0) / 0 taken for 0.
Shares by_ratio(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  return {{"self", back[0] * (call.result() / x).masked_fill(x == 0, 0)}};
}

// The mean is taken off as it is, the spread is a constant.
Shares layer_norm(const Call& call, const Cotangent& back) {
  const auto held = graph::held_layer_norm(call, back)[0].parts[0];
  return {{"input", held - held.mean(graph::norm_dims(call), /*keepdim=*/true)}};
}

Shares mul(const Call& call, const Cotangent& back) {
  auto shares = graph::vjp_mul(call, back);
  if (shares.size() < 2) return shares;
  for (auto& share : shares) share.parts[0] = share.parts[0] / 2;
  return shares;
}

template <int query_and_key, int value>  // per cent
Shares attention(const Call& call, const Cotangent& back) {
  auto shares = graph::vjp_attention(call, back);
  constexpr double kWhole = 100;
  const double factors[] = {query_and_key / kWhole, query_and_key / kWhole, value / kWhole};
  for (size_t i = 0; i < shares.size(); ++i) shares[i].parts[0] = shares[i].parts[0] * factors[i];
  return shares;
}

std::map<std::string, Rule> changed(Rule attention_rule) {
  return {{"gelu", by_ratio},
          {"silu", by_ratio},
          {"relu", by_ratio},
          {"tanh", by_ratio},
          {"layer_norm", layer_norm},
          {"mul", mul},
          {"scaled_dot_product_attention", std::move(attention_rule)}};
}

std::shared_ptr<const Rules> table(const char* name, Rule attention_rule, double gamma, double gamma_of_convolutions) {
  return std::make_shared<const Rules>(held_norm_rules()
                                           ->with(name, changed(std::move(attention_rule)))
                                           .with(name, graph::gamma_of_linear_layers(gamma))
                                           .with(name, graph::gamma_of_convolutions(gamma_of_convolutions)));
}

}  // namespace

std::shared_ptr<const Rules> attn_lrp_rules(double gamma, double gamma_of_convolutions) {
  static const auto kPlain = table("attn_lrp", attention<25, 50>, 0, 0);
  if (gamma == 0 && gamma_of_convolutions == 0) return kPlain;
  return table("attn_lrp", attention<25, 50>, gamma, gamma_of_convolutions);
}

std::shared_ptr<const Rules> cp_lrp_rules(double gamma, double gamma_of_convolutions) {
  static const auto kPlain = table("cp_lrp", attention<0, 100>, 0, 0);
  if (gamma == 0 && gamma_of_convolutions == 0) return kPlain;
  return table("cp_lrp", attention<0, 100>, gamma, gamma_of_convolutions);
}

std::shared_ptr<const Rules> libra_rules() {
  static const auto kTable = std::make_shared<const Rules>(cp_lrp_rules()->with("libra_grad", {}));
  return kTable;
}

}  // namespace legrad
