#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/rules/attention_rows.h"
#include "graph/rules/groups.h"

namespace legrad::graph {
namespace {

at::Tensor through_softmax(const at::Tensor& back, const at::Tensor& result, int64_t dim) {
  return result * (back - (back * result).sum(dim, /*keepdim=*/true));
}

Shares softmax(const Call& call, const Cotangent& back) {
  return {{"self", through_softmax(back[0], call.result(), call.integer("dim"))}};
}

}  // namespace

int64_t rows_at_once(const at::Tensor& query, int64_t in_a_row) {
  const int64_t numbers = query.is_cpu() ? 1 << 20 : 1 << 25;
  return std::clamp<int64_t>(numbers / std::max<int64_t>(in_a_row, 1), 1, query.size(-2));
}

at::Tensor AttentionRows::operator()(int64_t first, int64_t count) const {
  auto scores = query.narrow(-2, first, count).matmul(key.transpose(-2, -1)) * scale;
  if (mask.defined()) {
    const auto part = mask.dim() > 1 && mask.size(-2) > 1 ? mask.narrow(-2, first, count) : mask;
    scores = part.scalar_type() == at::kBool
                 ? scores.masked_fill(part.logical_not(), -std::numeric_limits<double>::infinity())
                 : scores + part;
  }
  return scores.softmax(-1);
}

int64_t AttentionRows::at_once() const {
  return rows_at_once(query, query.numel() / query.size(-1) / query.size(-2) * key.size(-2));
}

AttentionRows attention_rows(const Call& call) {
  const auto& query = call.tensor("query");
  const bool plain = call.argument("dropout_p").toScalar().toDouble() == 0 && !call.flag("is_causal") &&
                     !(call.has("enable_gqa") && call.flag("enable_gqa"));
  if (!plain) call.refuse("causal attention, dropout and grouped queries have no rule");
  if (call.follows("attn_mask")) call.refuse("a mask that depends on the input has no rule");
  return {query, call.tensor("key"), call.tensor("value"),
          call.has("attn_mask") ? call.tensor("attn_mask") : at::Tensor(),
          call.has("scale") ? call.argument("scale").toScalar().toDouble()
                            : 1 / std::sqrt(static_cast<double>(query.size(-1)))};
}

Shares vjp_attention(const Call& call, const Cotangent& back) {
  const auto rows = attention_rows(call);
  std::vector<at::Tensor> at_query;
  at::Tensor at_key, at_value;
  const auto add = [](at::Tensor& sum, const at::Tensor& part) { sum = sum.defined() ? sum + part : part; };
  for (int64_t first = 0; first < rows.query.size(-2); first += rows.at_once()) {
    const int64_t count = std::min(rows.at_once(), rows.query.size(-2) - first);
    const auto weights = rows(first, count);
    const auto given = back[0].narrow(-2, first, count);
    const auto at_scores = through_softmax(given.matmul(rows.value.transpose(-2, -1)), weights, -1) * rows.scale;
    at_query.push_back(at_scores.matmul(rows.key));
    add(at_key, at_scores.transpose(-2, -1).matmul(rows.query.narrow(-2, first, count)));
    add(at_value, weights.transpose(-2, -1).matmul(given));
  }
  return {{"query", at::cat(at_query, -2)}, {"key", at_key}, {"value", at_value}};
}

RuleRows attention_rules() {
  return {{"softmax", softmax}, {"_softmax", softmax}, {"scaled_dot_product_attention", vjp_attention}};
}

}  // namespace legrad::graph
