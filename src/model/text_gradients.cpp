#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <utility>
#include <vector>

#include "model/grad_scope.h"
#include "model/sweep.h"
#include "model/text_network.h"
#include "model/text_stages.h"
#include "model/unit_rows.h"

namespace legrad::model {
namespace {

at::Tensor cosines(const TextStages& stages, const at::Tensor& tokens, const at::Tensor& ids,
                   const at::Tensor& images) {
  return (unit_rows(stages.readout({tokens, ids, ids})[0]) * unit_rows(images)).sum(1);
}

// Rows of a gradient [K, N, d] that are not zero throughout.
at::Tensor rows_reached(const at::Tensor& gradient) { return gradient.abs().amax(-1).gt(0); }

TextGradients by_block(const TextStages& stages, const at::Tensor& ids, const at::Tensor& images) {
  const GradScope scope(true);
  TextGradients result;
  auto tokens = stages.embed({ids, ids})[0];
  for (const auto& block : stages.blocks) {
    auto ran = run_block(block, tokens.detach().requires_grad_(), ids);
    const auto scores = cosines(stages, ran.tokens, ids, images);
    auto taken = gradient(scores.sum(), {ran.context, ran.tokens}, /*keep_tape=*/false);
    tokens = ran.tokens;
    result.blocks.push_back({std::move(ran.attention), scores.detach(), std::move(taken[0])});
    result.read = rows_reached(taken[1]);
  }
  result.scores = result.blocks.back().scores;
  return result;
}

TextGradients of_final_score(const TextStages& stages, const at::Tensor& ids, const at::Tensor& images) {
  const GradScope scope(true);
  TextGradients result;
  auto tokens = stages.embed({ids, ids})[0].detach().requires_grad_();
  std::vector<at::Tensor> leaves;
  for (const auto& block : stages.blocks) {
    auto ran = run_block(block, tokens, ids);
    leaves.push_back(ran.context);
    tokens = ran.tokens;
    result.blocks.push_back({std::move(ran.attention), {}, {}});
  }
  leaves.push_back(tokens);
  const auto scores = cosines(stages, tokens, ids, images);
  auto taken = gradient(scores.sum(), leaves, /*keep_tape=*/false);
  result.scores = scores.detach();
  result.read = rows_reached(taken.back());
  for (size_t l = 0; l < result.blocks.size(); ++l) {
    result.blocks[l].scores = result.scores;
    result.blocks[l].context_gradient = std::move(taken[l]);
  }
  return result;
}

at::Tensor joined(const std::vector<TextGradients>& texts, at::Tensor TextGradients::*part) {
  std::vector<at::Tensor> all;
  for (const auto& text : texts) all.push_back(text.*part);
  return at::cat(all);
}

// What texts gave one by one, as of a batch of them. A mask is each text's own.
TextGradients joined(const std::vector<TextGradients>& texts) {
  TextGradients result{joined(texts, &TextGradients::scores), joined(texts, &TextGradients::read), {}};
  for (size_t l = 0; l < texts[0].blocks.size(); ++l) {
    const auto of = [&](const auto& part) {
      std::vector<at::Tensor> all;
      for (const auto& text : texts) all.push_back(part(text.blocks[l]));
      return at::cat(all);
    };
    TextBlock block{texts[0].blocks[l].attention, of([](const auto& b) { return b.scores; }),
                    of([](const auto& b) { return b.context_gradient; })};
    block.attention.query = of([](const auto& b) { return b.attention.query; });
    block.attention.key = of([](const auto& b) { return b.attention.key; });
    block.attention.value = of([](const auto& b) { return b.attention.value; });
    if (block.attention.mask.defined()) {
      block.attention.mask = of([](const TextBlock& b) {
        const auto& mask = b.attention.mask;
        return mask.dim() == 4 ? mask : mask.reshape({1, 1, mask.size(-2), mask.size(-1)});
      });
    }
    result.blocks.push_back(std::move(block));
  }
  return result;
}

}  // namespace

TextGradients text_gradients(const TextNetwork& network, const at::Tensor& ids, const at::Tensor& images,
                             TextScore score) {
  const auto& stages = network.stages();
  const auto run = score == TextScore::kByBlock ? by_block : of_final_score;
  if (!network.text_by_text || ids.size(0) == 1) return run(stages, ids, images);
  std::vector<TextGradients> texts;
  for (int64_t k = 0; k < ids.size(0); ++k) texts.push_back(run(stages, ids.narrow(0, k, 1), images.narrow(0, k, 1)));
  return joined(texts);
}

}  // namespace legrad::model
