#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>

#include "graph/rules/groups.h"

namespace legrad::graph {
namespace {

at::Tensor scaled(const Call& call, const at::Tensor& back) {
  return call.has("alpha") ? back * call.number("alpha") : back;
}

// Of two lists of tensors, one behind the other.
Shares lists(const Call& call, const Cotangent& back) {
  const auto middle = back.begin() + static_cast<std::ptrdiff_t>(call.tensors("a").size());
  return {{"a", Cotangent(back.begin(), middle)}, {"b", Cotangent(middle, back.end())}};
}

Shares sub(const Call& call, const Cotangent& back) { return {{"self", back[0]}, {"other", -scaled(call, back[0])}}; }

Shares rsub(const Call& call, const Cotangent& back) { return {{"self", -scaled(call, back[0])}, {"other", back[0]}}; }

Shares div(const Call& call, const Cotangent& back) {
  if (call.has("rounding_mode")) call.refuse("rounded, it has no rule");
  const auto by = call.number("other");
  Shares shares;
  if (call.follows("self")) shares.emplace_back("self", back[0] / by);
  if (call.follows("other")) shares.emplace_back("other", -back[0] * call.result() / by);
  return shares;
}

Shares neg(const Call&, const Cotangent& back) { return {{"self", -back[0]}}; }

// Of a power that is a number.
Shares pow(const Call& call, const Cotangent& back) {
  const auto exponent = call.argument("exponent").toScalar().toDouble();
  if (exponent == 0) return {};
  return {{"self", back[0] * (exponent * call.number("self").pow(exponent - 1))}};
}

Shares sqrt(const Call& call, const Cotangent& back) { return {{"self", back[0] / (2 * call.result())}}; }

Shares rsqrt(const Call& call, const Cotangent& back) { return {{"self", back[0] * -0.5 * call.result().pow(3)}}; }

Shares exp(const Call& call, const Cotangent& back) { return {{"self", back[0] * call.result()}}; }

Shares erf(const Call& call, const Cotangent& back) {
  return {{"self", back[0] * (2 / std::sqrt(M_PI)) * (-call.tensor("self").square()).exp()}};
}

Shares tanh(const Call& call, const Cotangent& back) { return {{"self", back[0] * (1 - call.result().square())}}; }

Shares sigmoid(const Call& call, const Cotangent& back) {
  return {{"self", back[0] * call.result() * (1 - call.result())}};
}

Shares silu(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  const auto gate = x.sigmoid();
  return {{"self", back[0] * gate * (1 + x * (1 - gate))}};
}

Shares relu(const Call& call, const Cotangent& back) {
  return {{"self", back[0].masked_fill(call.tensor("self") <= 0, 0)}};
}

Shares gelu(const Call& call, const Cotangent& back) {
  return {{"self", at::gelu_backward(back[0], call.tensor("self"), call.argument("approximate").toStringRef())}};
}

Shares clamp_min(const Call& call, const Cotangent& back) {
  return {{"self", back[0].masked_fill(call.tensor("self") < call.number("min"), 0)}};
}

Shares clamp(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  auto share = back[0];
  if (call.has("min")) share = share.masked_fill(x < call.number("min"), 0);
  if (call.has("max")) share = share.masked_fill(x > call.number("max"), 0);
  return {{"self", share}};
}

Shares sum(const Call& call, const Cotangent& back) {
  return {{"self", with_reduced_dims(call, back[0]).expand(call.tensor("self").sizes())}};
}

Shares mean(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  const auto share = with_reduced_dims(call, back[0]).expand(x.sizes());
  return {{"self", share * (static_cast<double>(back[0].numel()) / static_cast<double>(x.numel()))}};
}

// The length of a vector; any other norm is not known.
Shares vector_norm(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  const char* order = call.has("ord") ? "ord" : "p";
  if (call.has(order) && call.argument(order).toScalar().toDouble() != 2) {
    call.refuse("only the norm of order 2 has a rule");
  }
  const auto length = with_reduced_dims(call, call.result());
  return {{"self", (x * (with_reduced_dims(call, back[0]) / length)).masked_fill(length == 0, 0)}};
}

Shares max_pool(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  const auto size = call.integers("kernel_size"), stride = call.integers("stride"), padding = call.integers("padding"),
             dilation = call.integers("dilation");
  const bool ceil = call.flag("ceil_mode");
  const auto places = std::get<1>(at::max_pool2d_with_indices(x, size, stride, padding, dilation, ceil));
  return {{"self", at::max_pool2d_with_indices_backward(back[0], x, size, stride, padding, dilation, ceil, places)}};
}

}  // namespace

at::Tensor with_reduced_dims(const Call& call, const at::Tensor& reduced) {
  const auto& x = call.tensor("self");
  if (!call.has("dim") || call.argument("dim").toDimVector().empty()) {
    return reduced.reshape(std::vector<int64_t>(x.dim(), 1));
  }
  if (call.flag("keepdim")) return reduced;
  auto sizes = x.sizes().vec();
  for (const int64_t dim : call.argument("dim").toDimVector()) sizes[dim < 0 ? dim + x.dim() : dim] = 1;
  return reduced.reshape(sizes);
}

Shares vjp_add(const Call& call, const Cotangent& back) {
  if (call.has("a")) return lists(call, back);
  return {{"self", back[0]}, {"other", scaled(call, back[0])}};
}

Shares vjp_mul(const Call& call, const Cotangent& back) {
  Shares shares;
  if (call.follows("self")) shares.emplace_back("self", back[0] * call.number("other"));
  if (call.follows("other")) shares.emplace_back("other", back[0] * call.number("self"));
  return shares;
}

// Equal greatest entries share alike.
Shares vjp_amax(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  const auto dims = call.argument("dim").toDimVector();
  const auto is_greatest = x.eq(with_reduced_dims(call, call.result())).to(x.scalar_type());
  const auto count = is_greatest.sum(dims, /*keepdim=*/true);
  return {{"self", is_greatest / count * with_reduced_dims(call, back[0])}};
}

RuleRows arithmetic_rules() {
  return {{"add", vjp_add},
          {"sub", sub},
          {"rsub", rsub},
          {"mul", vjp_mul},
          {"div", div},
          {"neg", neg},
          {"pow", pow},
          {"sqrt", sqrt},
          {"rsqrt", rsqrt},
          {"exp", exp},
          {"erf", erf},
          {"tanh", tanh},
          {"sigmoid", sigmoid},
          {"silu", silu},
          {"relu", relu},
          {"gelu", gelu},
          {"clamp_min", clamp_min},
          {"clamp", clamp},
          {"sum", sum},
          {"mean", mean},
          {"amax", vjp_amax},
          {"norm", vector_norm},
          {"linalg_vector_norm", vector_norm},
          {"max_pool2d", max_pool}};
}

}  // namespace legrad::graph
