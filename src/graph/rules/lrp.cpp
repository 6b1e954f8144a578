#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/rules.h>

#include <algorithm>
#include <utility>

#include "graph/rules/attention_rows.h"
#include "graph/rules/groups.h"

namespace legrad::graph {
namespace {

// Where there is nothing to divide by, nothing is passed.
at::Tensor over(const at::Tensor& relevance, const at::Tensor& by) { return (relevance / by).masked_fill(by == 0, 0); }

// The argument that relevance flows through, where the other one is a constant.
Shares passed(const Call& call, const at::Tensor& relevance, const char* first, const char* second) {
  return {{call.follows(first) ? first : second, relevance}};
}

template <const char* Argument>
Shares handed_on(const Call&, const Cotangent& back) {
  return {{Argument, back[0]}};
}

constexpr char kSelf[] = "self";
constexpr char kInput[] = "input";

// Σ over the two parts of x ⊙ (R / z · W), with z the sum of all x W of one sign, or of each part alone. W [out, in].
enum class Parts { kTogether, kApart };

template <Parts parts>
at::Tensor through_parts(const at::Tensor& relevance, const at::Tensor& x, const at::Tensor& weight) {
  const auto up = x.clamp_min(0), down = x.clamp_max(0);
  const auto weight_up = weight.clamp_min(0), weight_down = weight.clamp_max(0);
  const auto z_up = at::linear(up, weight_up), z_down = at::linear(down, weight_down);
  const bool together = parts == Parts::kTogether;
  const auto share_up = over(relevance, together ? z_up + z_down : z_up);
  const auto share_down = together ? share_up : over(relevance, z_down);
  return up * share_up.matmul(weight_up) + down * share_down.matmul(weight_down);
}

// A linear layer's input, its weight [out, in], and what it made of them: x W + b.
struct Layer {
  at::Tensor x, weight, result, bias;
};

template <Parts parts>
at::Tensor through_weight(const at::Tensor& relevance, const Layer& layer) {
  return through_parts<parts>(relevance, layer.x, layer.weight);
}

// The sum of x W's positive terms is half of x W + |x| |W|, of which the layer knows the first: three products in place
// of four, and nothing is split. Where nearly all terms are negative that sum cancels, and they are taken apart; so
// they are on an accelerator, which would wait for the host to read which it is, and in half types, whose few digits a
// difference of two numbers would take.
template <>
at::Tensor through_weight<Parts::kTogether>(const at::Tensor& relevance, const Layer& layer) {
  const auto apart = [&] { return through_parts<Parts::kTogether>(relevance, layer.x, layer.weight); };
  if (!layer.x.is_cpu() || at::isReducedFloatingType(layer.x.scalar_type())) return apart();
  constexpr double kCancelled = 1.0 / 64;
  const auto x_size = layer.x.abs(), weight_size = layer.weight.abs();
  const auto sizes = at::linear(x_size, weight_size);
  auto twice = layer.result + sizes;
  auto summed = sizes;  // what went into it, by size
  if (layer.bias.defined()) {
    twice = twice - layer.bias;
    summed = summed + layer.bias.abs();
  }
  if ((twice < summed * kCancelled).any().item<bool>()) return apart();
  const auto share = over(relevance, twice);
  return layer.x * share.matmul(layer.weight) + x_size * share.matmul(weight_size);
}

template <Parts parts>
Shares linear(const Call& call, const Cotangent& back) {
  if (call.follows("weight")) call.refuse("its weight depends on the input");
  const auto bias = call.has("bias") ? call.tensor("bias") : at::Tensor();
  return {
      {"input", through_weight<parts>(back[0], {call.tensor("input"), call.tensor("weight"), call.result(), bias})}};
}

// A product of matrices: of the input with a constant, a linear layer; of two values, each gets half.
template <Parts parts>
Shares product(const Call& call, const at::Tensor& relevance, const char* left, const char* right,
               const at::Tensor& result) {
  const auto &x = call.tensor(left), &y = call.tensor(right);
  if (x.dim() < 2 || y.dim() < 2) call.refuse("a product with a vector has no rule");
  if (!call.follows(right) && y.dim() == 2) return {{left, through_weight<parts>(relevance, {x, y.t(), result, {}})}};
  if (!call.follows(left) && x.dim() == 2) {
    const auto turned = [](const at::Tensor& tensor) { return tensor.transpose(-2, -1); };
    return {{right, turned(through_weight<parts>(turned(relevance), {turned(y), x, turned(result), {}}))}};
  }
  if (!call.follows(left) || !call.follows(right)) call.refuse("a product with a constant for each image has no rule");
  const auto share = over(relevance, result) / 2;
  return {{left, x * share.matmul(y.transpose(-2, -1))}, {right, y * x.transpose(-2, -1).matmul(share)}};
}

template <Parts parts>
Shares matmul(const Call& call, const Cotangent& back) {
  return product<parts>(call, back[0], "self", "other", call.result());
}

template <Parts parts>
Shares bmm(const Call& call, const Cotangent& back) {
  return product<parts>(call, back[0], "self", "mat2", call.result());
}

template <Parts parts>
Shares addmm(const Call& call, const Cotangent& back) {
  const auto &x = call.tensor("mat1"), &y = call.tensor("mat2");
  if (!is_linear_layer(call)) return product<parts>(call, back[0], "mat1", "mat2", x.matmul(y));
  return {{"mat1", through_weight<parts>(back[0], {x, y.t(), call.result(), call.tensor("self")})}};
}

// O = A V: half to A, and through softmax on to Q Kᵀ, half of that to each; half to V. A few rows of A at a time. A
// mask is a constant that gets none.
Shares attention(const Call& call, const Cotangent& back) {
  const auto rows = attention_rows(call);
  const auto share = over(back[0], call.result()) / 2;
  std::vector<at::Tensor> at_query;
  at::Tensor at_key, at_value;
  const auto add = [](at::Tensor& sum, const at::Tensor& part) { sum = sum.defined() ? sum + part : part; };
  for (int64_t first = 0; first < rows.query.size(-2); first += rows.at_once()) {
    const int64_t count = std::min(rows.at_once(), rows.query.size(-2) - first);
    const auto weights = rows(first, count);
    const auto given = share.narrow(-2, first, count);
    const auto query = rows.query.narrow(-2, first, count);
    add(at_value, weights.transpose(-2, -1).matmul(given));
    const auto of_map = weights * given.matmul(rows.value.transpose(-2, -1));
    const auto of_scores = over(of_map, query.matmul(rows.key.transpose(-2, -1))) / 2;
    at_query.push_back(query * of_scores.matmul(rows.key));
    add(at_key, of_scores.transpose(-2, -1).matmul(query));
  }
  return {{"query", at::cat(at_query, -2)}, {"key", rows.key * at_key}, {"value", rows.value * at_value}};
}

// Relevance in proportion to the terms.
Shares by_terms(const Call& call, const at::Tensor& relevance) {
  const auto share = over(relevance, call.result());
  const auto factor = call.has("alpha") ? call.number("alpha") : at::ones({}, relevance.options());
  return {{"self", call.number("self") * share}, {"other", call.number("other") * factor * share}};
}

Shares add_in_proportion(const Call& call, const Cotangent& back) {
  if (call.has("a")) return vjp_add(call, back);
  if (!call.follows("self") || !call.follows("other")) return passed(call, back[0], "self", "other");
  return by_terms(call, back[0]);
}

// In proportion, then each side scaled to its share of |relevance|: sums over one image, as images pass one by one.
Shares add_by_shares(const Call& call, const Cotangent& back) {
  auto shares = add_in_proportion(call, back);
  if (call.has("a") || shares.size() < 2) return shares;
  auto &a = shares[0].parts[0], &b = shares[1].parts[0];
  const auto a_sum = a.sum(), b_sum = b.sum();
  const auto both = a_sum.abs() + b_sum.abs();
  const auto whole = back[0].sum();
  a = a * over(over(a_sum.abs(), both) * whole, a_sum);
  b = b * over(over(b_sum.abs(), both) * whole, b_sum);
  return shares;
}

// By a constant. Of two values, one a gate of the other, the paper has no rule.
Shares mul(const Call& call, const Cotangent& back) {
  if (call.follows("self") && call.follows("other")) call.refuse("a product of two values, as a gate, has no rule");
  return passed(call, back[0], "self", "other");
}

Shares sub(const Call& call, const Cotangent& back) {
  if (call.follows("self") && call.follows("other")) call.refuse("a difference of two values has no rule");
  return passed(call, back[0], "self", "other");
}

// By a constant, or by a length, which is taken for one.
Shares div(const Call& call, const Cotangent& back) {
  if (!call.follows("self")) call.refuse("a constant divided by a value has no rule");
  return {{"self", back[0]}};
}

// In proportion to what is summed up.
Shares mean(const Call& call, const Cotangent& back) {
  const auto& x = call.tensor("self");
  const auto spread = [&](const at::Tensor& reduced) { return with_reduced_dims(call, reduced); };
  const double count = static_cast<double>(x.numel()) / static_cast<double>(call.result().numel());
  return {{"self", x * (over(spread(back[0]), spread(call.result())) / count)}};
}

Shares sum(const Call& call, const Cotangent& back) {
  return {
      {"self", call.tensor("self") * over(with_reduced_dims(call, back[0]), with_reduced_dims(call, call.result()))}};
}

template <Parts parts>
RuleRows rows() {
  RuleRows rows = move_rules();
  for (const char* name : {"gelu", "silu", "relu", "tanh", "sigmoid", "hardswish", "elu", "leaky_relu", "softmax",
                           "_softmax", "clamp_min", "clamp", "neg"}) {
    rows[name] = handed_on<kSelf>;
  }
  for (const char* name : {"layer_norm", "rms_norm", "batch_norm", "group_norm"}) rows[name] = handed_on<kInput>;
  rows["linear"] = linear<parts>;
  rows["matmul"] = matmul<parts>;
  rows["bmm"] = rows["mm"] = bmm<parts>;
  rows["addmm"] = addmm<parts>;
  rows["scaled_dot_product_attention"] = attention;
  rows["mul"] = mul;
  rows["div"] = div;
  rows["sub"] = sub;
  rows["mean"] = mean;
  rows["sum"] = sum;
  rows["amax"] = vjp_amax;
  return rows;
}

}  // namespace

}  // namespace legrad::graph

namespace legrad {

std::shared_ptr<const Rules> lrp_ours_rules() {
  static const auto kTable = [] {
    auto table = graph::rows<graph::Parts::kTogether>();
    table["add"] = graph::add_by_shares;
    return std::make_shared<const Rules>(Rules{.name = "layers_ours", .rows = std::move(table)});
  }();
  return kTable;
}

std::shared_ptr<const Rules> lrp_rules() {
  static const auto kTable = [] {
    auto table = graph::rows<graph::Parts::kApart>();
    table["add"] = graph::add_in_proportion;
    return std::make_shared<const Rules>(Rules{.name = "layers_lrp", .rows = std::move(table)});
  }();
  return kTable;
}

}  // namespace legrad
