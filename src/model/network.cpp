#include "model/network.h"

#include <ATen/Functions.h>
#include <legrad/error.h>

#include <limits>

namespace legrad::model {
namespace {

at::Tensor in_order(const at::Tensor& tensor, int64_t dim, const at::Tensor& order) {
  return order.defined() ? tensor.index_select(dim, order) : tensor;
}

// [1, B·h, ...] or [1, h·B, ...] -> [B, h, ...]
at::Tensor split(const AttentionLayout& layout, const at::Tensor& part, int64_t batch) {
  const auto rows = part[0];
  if (layout.heads_first) return rows.unflatten(0, {rows.size(0) / batch, batch}).transpose(0, 1);
  return rows.unflatten(0, {batch, rows.size(0) / batch});
}

at::Tensor by_head(const AttentionLayout& layout, const at::Tensor& part, int64_t batch) {
  const bool whole = part.dim() == 4 && part.size(1) % batch == 0;
  if (layout.heads_in_batch && whole && part.size(0) == 1) return split(layout, part, batch);
  if (part.dim() == 4 && part.size(0) == batch) return part;
  if (part.dim() == 4 && part.size(0) == 1) return part.expand({batch, -1, -1, -1});
  throw ModelError(
      "an attention over a batch of " + std::to_string(part.size(0)) + " for " + std::to_string(batch) + " images",
      Reason::kBatchUnfit);
}

// K or V with a row for each token, in their order: 0 where a pooler does not attend to it.
at::Tensor by_token(const AttentionLayout& layout, const at::Tensor& part) {
  if (!layout.keyless.defined()) return in_order(part, 2, layout.key_order);
  return at::constant_pad_nd(part, {0, 0, 0, 1}).index_select(2, layout.key_order);
}

// A mask [M, N or broadcast] over keys, as one over all tokens that a pooler could attend to.
at::Tensor mask_by_token(const AttentionLayout& layout, const at::Tensor& given, const at::Tensor& like) {
  const auto places = layout.key_order;
  auto mask = given.defined() ? given : at::zeros({1, 1, 1, 1}, like.options());
  mask = mask.size(-1) > 1 ? at::constant_pad_nd(mask, {0, 1}).index_select(-1, places) : mask;
  auto sizes = mask.sizes().vec();
  sizes.back() = places.size(0);
  mask = mask.expand(sizes);
  if (mask.scalar_type() == at::kBool) return mask.logical_and(layout.keyless.logical_not());
  return mask.masked_fill(layout.keyless, -std::numeric_limits<double>::infinity());
}

// A mask that broadcasts to [B, h, M, N], its rows and columns in the order of the tokens.
at::Tensor mask_by_head(const AttentionLayout& layout, const at::Tensor& given, int64_t batch, int64_t heads) {
  const bool by_image =
      layout.heads_in_batch && given.dim() == 4 && given.size(0) == 1 && given.size(1) == batch * heads;
  auto mask = by_image ? split(layout, given, batch) : given;
  if (mask.size(-1) > 1 && !layout.keyless.defined()) mask = in_order(mask, -1, layout.key_order);
  if (mask.dim() > 1 && mask.size(-2) > 1) mask = in_order(mask, -2, layout.query_order);
  return mask.detach();
}

constexpr size_t kMask = 4;  // behind Q, K, V and O of a program that attends

at::Tensor as_in_model(const AttentionLayout& layout, const at::Tensor& context) {
  auto rows = in_order(context, 2, layout.query_tokens);
  if (!layout.heads_in_batch) return rows;
  return (layout.heads_first ? rows.transpose(0, 1) : rows).flatten(0, 1).unsqueeze(0);
}

}  // namespace

at::Tensor Network::image_sizes(int64_t batch) const {
  const auto options = at::TensorOptions().dtype(structure.dtype).device(structure.device);
  return at::empty({1}, options)
      .expand({batch, structure.image->channels, structure.image->size.height, structure.image->size.width});
}

std::vector<at::Tensor> Network::run(const graph::Program& program, const std::vector<at::Tensor>& inputs,
                                     size_t shared) const {
  return run([&](const std::vector<at::Tensor>& given) { return program(given, rules); }, inputs, shared);
}

template <class Once>
std::vector<at::Tensor> Network::run(const Once& once, const std::vector<at::Tensor>& inputs, size_t shared) const {
  const int64_t batch = inputs[0].size(0);
  if (!plan.batch_of_one || batch == 1) return once(inputs);
  std::vector<std::vector<at::Tensor>> outputs;  // [output][image]
  for (int64_t image = 0; image < batch; ++image) {
    std::vector<at::Tensor> alone;
    alone.reserve(inputs.size());
    for (const auto& input : inputs) alone.push_back(input.narrow(0, image, 1));
    const auto given = once(alone);
    outputs.resize(given.size());
    for (size_t i = 0; i < given.size(); ++i) outputs[i].push_back(given[i]);
  }
  std::vector<at::Tensor> together;
  for (size_t i = 0; i < outputs.size(); ++i) together.push_back(i < shared ? at::cat(outputs[i]) : outputs[i][0]);
  return together;
}

at::Tensor Network::run_patchify(const at::Tensor& images) const {
  return patchify ? run(patchify, {images, images})[0] : images;
}

at::Tensor Network::run_embed_patches(const at::Tensor& patches) const {
  return run(embed, {patches, image_sizes(patches.size(0))})[0];
}

at::Tensor Network::run_embed(const at::Tensor& images) const { return run_embed_patches(run_patchify(images)); }

at::Tensor Network::run_readout(const at::Tensor& tokens) const {
  return run(readout, {tokens, image_sizes(tokens.size(0))})[0];
}

Attended Network::attend(const AttentionStage& stage, const at::Tensor& tokens) const {
  const int64_t batch = tokens.size(0);
  return attended(stage, run(stage.attend, {tokens, image_sizes(batch)}, kMask), batch);
}

Attended Network::attended(const AttentionStage& stage, const std::vector<at::Tensor>& parts, int64_t batch) const {
  const auto& layout = stage.layout;
  const int64_t heads = by_head(layout, parts[3], batch).size(1);
  // Heads that share their keys and values, as in multi-query attention, have them each.
  const auto key = by_head(layout, parts[1], batch).expand({-1, heads, -1, -1});
  const auto value = by_head(layout, parts[2], batch).expand({-1, heads, -1, -1});
  const auto query = by_head(layout, parts[0], batch).expand({-1, heads, -1, -1});
  at::Tensor mask;
  if (stage.mask) mask = mask_by_head(layout, parts[kMask], batch, heads);
  if (layout.keyless.defined()) mask = mask_by_token(layout, mask, query);
  Attended attended;
  attended.context = context_from_file(stage, parts[3], batch);
  attended.attention = {in_order(query, 2, layout.query_order).detach(), by_token(layout, key).detach(),
                        by_token(layout, value).detach(), mask, stage.scale};
  return attended;
}

at::Tensor Network::run_tail(const AttentionStage& stage, const at::Tensor& context, const at::Tensor& tokens,
                             graph::LinearRows* known) const {
  const std::vector<at::Tensor> inputs = {as_in_model(stage.layout, context), tokens, image_sizes(tokens.size(0))};
  return known ? stage.tail.keeping(*known, inputs)[0] : run(stage.tail, inputs)[0];
}

at::Tensor Network::run_tail_knowing(const graph::LinearRows& known, const AttentionStage& stage,
                                     const at::Tensor& context, const at::Tensor& tokens) const {
  const auto once = [&](const std::vector<at::Tensor>& given) { return stage.tail.knowing(known, given); };
  return run(once, {as_in_model(stage.layout, context), tokens, image_sizes(tokens.size(0))})[0];
}

graph::WholeRun Network::attend_whole(const AttentionStage& stage, const at::Tensor& tokens) const {
  return stage.attend.run_whole({tokens, image_sizes(1)});
}

graph::WholeRun Network::run_tail_whole(const AttentionStage& stage, const at::Tensor& context,
                                        const at::Tensor& tokens, graph::LinearRows* known) const {
  return stage.tail.run_whole({as_in_model(stage.layout, context), tokens, image_sizes(1)}, known);
}

at::Tensor Network::run_project(const Block& block, const at::Tensor& tokens) const {
  if (!block.projected_rows_first) return run(block.project, {tokens, image_sizes(tokens.size(0))})[0];
  std::vector<at::Tensor> images;  // one by one, as those of a model that holds a batch of one would be
  for (const auto& alone : tokens.split(1)) images.push_back(block.project({alone, image_sizes(1)})[0].transpose(0, 1));
  return at::cat(images);
}

at::Tensor Network::run_add(const Block& block, const at::Tensor& context, const at::Tensor& tokens) const {
  return run(block.add, {as_in_model(block.layout, context), tokens, image_sizes(context.size(0))})[0];
}

at::Tensor Network::context_from_file(const AttentionStage& stage, const at::Tensor& context, int64_t batch) {
  return in_order(by_head(stage.layout, context, batch), 2, stage.layout.query_order);
}

Network::TailAndMeans Network::run_tail_with_means(const Block& block, const at::Tensor& context,
                                                   const at::Tensor& tokens) const {
  if (!plan.mean_pushed) {
    auto out = run_tail(block, context, tokens);
    return {out, {out.mean(1, /*keepdim=*/true)}};
  }
  auto outputs = run(block.with_means.tail, {as_in_model(block.layout, context), tokens, image_sizes(tokens.size(0))});
  return {outputs[0], {outputs.begin() + 1, outputs.end()}};
}

at::Tensor Network::run_mean(const Block& block, const std::vector<at::Tensor>& means) const {
  return plan.mean_pushed ? run(block.with_means.mean, means)[0] : means[0];
}

}  // namespace legrad::model
