#include "model/network.h"

#include <ATen/Functions.h>

namespace legrad::model {

at::Tensor Network::image_sizes(int64_t batch) const {
  const auto options = at::TensorOptions().dtype(structure.dtype).device(structure.device);
  return at::zeros({1}, options)
      .expand({batch, structure.image->channels, structure.image->size.height, structure.image->size.width});
}

std::vector<at::Tensor> Network::run(const graph::Program& program, const std::vector<at::Tensor>& inputs,
                                     size_t shared) const {
  const int64_t batch = inputs[0].size(0);
  if (!plan.batch_of_one || batch == 1) return program(inputs);
  std::vector<std::vector<at::Tensor>> outputs;  // [output][image]
  for (int64_t image = 0; image < batch; ++image) {
    std::vector<at::Tensor> alone;
    for (const auto& input : inputs) alone.push_back(input.narrow(0, image, 1));
    const auto given = program(alone);
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

graph::Tape Network::record_readout(const at::Tensor& tokens) const {
  return readout.record({tokens, image_sizes(tokens.size(0))}, {0});
}

Attended Network::attend(const AttentionStage& stage, const at::Tensor& tokens) const {
  const int64_t batch = tokens.size(0);
  constexpr size_t kMask = 4;
  auto parts = run(stage.attend, {tokens, image_sizes(batch)}, kMask);
  const auto by_head = [&](const at::Tensor& part) {
    if (stage.heads_in_batch) return part.reshape({batch, part.size(1) / batch, part.size(2), part.size(3)});
    return part.size(0) == batch ? part : part.expand({batch, -1, -1, -1});
  };
  Attended attended;
  attended.context = by_head(parts[3]);
  attended.attention = {by_head(parts[0]).detach(), by_head(parts[1]).detach(), by_head(parts[2]).detach(),
                        stage.mask ? parts[kMask].detach() : at::Tensor(), stage.scale};
  return attended;
}

at::Tensor Network::run_tail(const AttentionStage& stage, const at::Tensor& context, const at::Tensor& tokens) const {
  return run(stage.tail, {as_in_model(stage, context), tokens, image_sizes(tokens.size(0))})[0];
}

Network::TailAndMean Network::run_tail_with_mean(const Block& block, const at::Tensor& context,
                                                 const at::Tensor& tokens) const {
  if (!plan.mean_pushed) {
    auto out = run_tail(block, context, tokens);
    return {out, out.mean(1, /*keepdim=*/true)};
  }
  auto outputs = run(block.tail_with_mean, {as_in_model(block, context), tokens, image_sizes(tokens.size(0))});
  return {outputs[0], outputs[1]};
}

at::Tensor Network::as_in_model(const AttentionStage& stage, const at::Tensor& context) {
  return stage.heads_in_batch ? context.flatten(0, 1).unsqueeze(0) : context;
}

}  // namespace legrad::model
