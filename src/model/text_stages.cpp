#include "model/text_stages.h"

#include <ATen/Functions.h>
#include <legrad/error.h>

#include <algorithm>
#include <string>
#include <vector>

#include "graph/passes/cut.h"
#include "graph/passes/lower.h"
#include "model/difference.h"

namespace legrad::model {
namespace {

using graph::Value;

TextStages::Block cut_block(const graph::Lowered& lowered, size_t l) {
  const auto& site = lowered.anatomy.blocks[l];
  const auto& line = lowered.line;
  const auto name = "text block " + std::to_string(l);
  for (const Value* part : {site.query(), site.key(), site.value()}) {
    const auto& sizes = line.facts.at(part).sizes;
    const auto& context = line.facts.at(site.context()).sizes;
    if (sizes[0] == line.facts.at(line.input()).sizes[0] && sizes[1] == context[1]) continue;
    throw ModelError(name + ": attention heads that share their keys, or are one dimension with the texts",
                     Reason::kUnknownAttention);
  }
  Value* tokens = lowered.anatomy.tokens[l];
  std::vector<Value*> parts = {site.query(), site.key(), site.value(), site.context(), lowered.anatomy.tokens[l + 1]};
  if (site.mask()) parts.push_back(site.mask());
  return {graph::cut(line, {tokens, line.input()}, parts, name), site.scale, site.mask() != nullptr};
}

// A = softmax(Q Kᵀ · scale + mask) is what the file weighs its values by.
void check_attention(const TextBlockRun& ran, size_t l) {
  const auto& attention = ran.attention;
  const auto weights = attention.rows(0, attention.queries());
  const auto context = weights.matmul(attention.value.to(weights.scalar_type()));
  if (difference(context, ran.context) <= tolerance(ran.context.scalar_type())) return;
  throw ModelError("text block " + std::to_string(l) + ": its attention is not what its context is made by",
                   Reason::kUnknownAttention);
}

}  // namespace

TextBlockRun run_block(const TextStages::Block& block, const at::Tensor& tokens, const at::Tensor& ids) {
  auto parts = block.run({tokens, ids, ids});
  Attention attention{parts[0].detach(), parts[1].detach(), parts[2].detach(), {}, block.scale};
  if (block.mask) attention.mask = parts[5].dim() == 1 ? parts[5].unsqueeze(0) : parts[5];
  return {std::move(attention), std::move(parts[3]), std::move(parts[4])};
}

TextStages cut_text_stages(const graph::Source& source, const at::Tensor& ids, const at::Tensor& embeddings,
                           const graph::StraightenOptions& options) {
  auto shapes = options;
  shapes.products = false;
  const auto lowered = graph::lower_text(source, ids, shapes);
  const auto& [line, anatomy, snapshot] = lowered;
  if (!anatomy.poolers.empty()) {
    throw ModelError("an attentional pooler reads the text tower's tokens", Reason::kUnknownAttention);
  }
  TextStages stages;
  stages.embed = graph::cut(line, {line.input()}, {anatomy.tokens.front()}, "the embedding of ids");
  for (size_t l = 0; l < anatomy.blocks.size(); ++l) stages.blocks.push_back(cut_block(lowered, l));
  stages.readout = graph::cut(line, {anatomy.tokens.back(), line.input()}, {line.result()}, "the text tower's readout");

  auto tokens = stages.embed({ids, ids})[0];
  for (size_t l = 0; l < stages.blocks.size(); ++l) {
    auto ran = run_block(stages.blocks[l], tokens, ids);
    check_attention(ran, l);
    tokens = ran.tokens;
  }
  // Some towers take their softmax in float32 whatever their dtype; in stages it is the tower's own.
  constexpr double kOfFloat = 1e-5;
  const double allowed = std::max(tolerance(embeddings.scalar_type()), kOfFloat);
  if (!(difference(stages.readout({tokens, ids, ids})[0], embeddings) <= allowed)) {  // true for NaN
    throw ModelError("the text tower's blocks do not give what the whole gives", Reason::kNotReproduced);
  }
  return stages;
}

}  // namespace legrad::model
