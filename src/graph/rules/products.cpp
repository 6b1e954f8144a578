#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <limits>
#include <optional>
#include <tuple>

#include "graph/rules/groups.h"

namespace legrad::graph {
namespace {

// The gradients of what weighs the numbers are wanted in no explanation: weights are constants of a line.
void refuse_moving_weights(const Call& call, const char* weight) {
  if (call.follows(weight)) call.refuse(std::string("its ") + weight + " depends on the input");
}

Shares linear(const Call& call, const Cotangent& back) {
  refuse_moving_weights(call, "weight");
  return {{"input", back[0].matmul(call.tensor("weight"))}, {"bias", back[0]}};
}

// x · y of matrices, with batches before them, each broadcast as needed.
Shares product(const Call& call, const at::Tensor& back, const char* left, const char* right) {
  const auto &x = call.tensor(left), &y = call.tensor(right);
  if (x.dim() < 2 || y.dim() < 2) call.refuse("a product with a vector has no rule");
  Shares shares;
  if (call.follows(left)) shares.emplace_back(left, back.matmul(y.transpose(-2, -1)));
  if (call.follows(right)) shares.emplace_back(right, x.transpose(-2, -1).matmul(back));
  return shares;
}

Shares matmul(const Call& call, const Cotangent& back) { return product(call, back[0], "self", "other"); }

Shares bmm(const Call& call, const Cotangent& back) { return product(call, back[0], "self", "mat2"); }

Shares addmm(const Call& call, const Cotangent& back) {
  auto shares = product(call, back[0] * call.number("alpha"), "mat1", "mat2");
  shares.emplace_back("self", back[0] * call.number("beta"));
  return shares;
}

// Of (x - mean) / spread over some dimensions, from what comes back to it.
at::Tensor through_norm(const at::Tensor& back, const at::Tensor& x, double eps, const std::vector<int64_t>& dims) {
  const auto centred = x - x.mean(dims, /*keepdim=*/true);
  const auto spread = (centred.square().mean(dims, true) + eps).rsqrt();
  const auto normal = centred * spread;
  return spread * (back - back.mean(dims, true) - normal * (back * normal).mean(dims, true));
}

Shares layer_norm(const Call& call, const Cotangent& back) {
  const auto dims = norm_dims(call);
  const auto scaled = call.has("weight") ? back[0] * call.tensor("weight") : back[0];
  return {{"input", through_norm(scaled, call.tensor("input"), call.argument("eps").toDouble(), dims)}};
}

// Over groups of channels, the second dimension.
Shares group_norm(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("input");
  std::vector<int64_t> channels(x.dim(), 1);
  channels[1] = -1;
  const auto scaled = call.has("weight") ? back[0] * call.tensor("weight").reshape(channels) : back[0];
  const auto grouped = [&](const at::Tensor& t) { return t.reshape({x.size(0), call.integer("num_groups"), -1}); };
  return {{"input", through_norm(grouped(scaled), grouped(x), call.argument("eps").toDouble(), {-1})}};
}

Shares rms_norm(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("input");
  const auto dims = norm_dims(call);
  const auto spread = (x.square().mean(dims, /*keepdim=*/true) + norm_eps(call)).rsqrt();
  const auto g = call.has("weight") ? back[0] * call.tensor("weight") : back[0];
  return {{"input", spread * (g - x * spread.square() * (g * x).mean(dims, true))}};
}

// Of a model that is not trained any more: a scale for each channel.
Shares batch_norm(const Call& call, const Cotangent& back) {
  if (call.flag("training")) call.refuse("in training mode, it has no rule");
  auto scale = (call.tensor("running_var") + call.argument("eps").toDouble()).rsqrt();
  if (call.has("weight")) scale = scale * call.tensor("weight");
  std::vector<int64_t> sizes(back[0].dim(), 1);
  sizes[1] = scale.numel();
  return {{"input", back[0] * scale.reshape(sizes)}};
}

Shares convolution(const Call& call, const Cotangent& back) {
  return {{"input", convolution_of(call).backward(back[0], call.tensor("input"), call.tensor("weight"))}};
}

}  // namespace

bool is_linear_layer(const Call& addmm) {
  const auto is_one = [&](const char* name) { return addmm.argument(name).toScalar().toDouble() == 1; };
  return !addmm.follows("self") && !addmm.follows("mat2") && is_one("alpha") && is_one("beta");
}

std::vector<int64_t> norm_dims(const Call& call) {
  std::vector<int64_t> dims;
  for (size_t i = 1; i <= call.integers("normalized_shape").size(); ++i) dims.push_back(-static_cast<int64_t>(i));
  return dims;
}

at::Tensor with_weight(const Call& call, const at::Tensor& back) {
  return call.has("weight") ? back * call.tensor("weight") : back;
}

Shares held_layer_norm(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("input");
  const auto variance = x.var(norm_dims(call), /*correction=*/0, /*keepdim=*/true);
  return {{"input", with_weight(call, back[0]) * (variance + call.argument("eps").toDouble()).rsqrt()}};
}

double norm_eps(const Call& call) {
  if (call.has("eps")) return call.argument("eps").toDouble();
  return call.tensor("input").scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                           : std::numeric_limits<float>::epsilon();
}

Convolution convolution_of(const Call& call) {
  refuse_moving_weights(call, "weight");
  const bool named = call.argument("padding").isString();
  if (named && call.argument("padding").toStringRef() != "valid") call.refuse("padding to the same size has no rule");
  if (call.has("transposed") && call.flag("transposed")) call.refuse("transposed, it has no rule");
  const auto stride = call.integers("stride"), dilation = call.integers("dilation");
  const std::vector<int64_t> none(stride.size(), 0);
  const auto padding = named ? none : call.integers("padding");
  const int64_t groups = call.integer("groups");
  return {[=](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
            const auto added = bias.defined() ? std::optional(bias) : std::nullopt;
            return at::convolution(x, weight, added, stride, padding, dilation, /*transposed=*/false, none, groups);
          },
          [=](const at::Tensor& back, const at::Tensor& x, const at::Tensor& weight) {
            return std::get<0>(at::convolution_backward(back, x, weight, std::nullopt, stride, padding, dilation,
                                                        /*transposed=*/false, none, groups, {true, false, false}));
          }};
}

RuleRows product_rules() {
  return {{"linear", linear},
          {"matmul", matmul},
          {"bmm", bmm},
          {"mm", bmm},
          {"addmm", addmm},
          {"layer_norm", layer_norm},
          {"group_norm", group_norm},
          {"rms_norm", rms_norm},
          {"batch_norm", batch_norm},
          {"conv2d", convolution},
          {"convolution", convolution},
          {"_convolution", convolution},
          {"_convolution_mode", convolution}};
}

}  // namespace legrad::graph
