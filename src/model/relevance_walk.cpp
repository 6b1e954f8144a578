#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "graph/rules/attn_lrp.h"
#include "graph/rules/direct.h"
#include "graph/rules/lrp.h"
#include "model/grad_scope.h"
#include "model/sweep.h"

namespace legrad::model {
namespace {

using graph::Program;
using graph::Rules;

constexpr int64_t kPooler = -1;

struct Tables {
  std::shared_ptr<const Rules> blocks, readout;
  explicit Tables(const std::shared_ptr<const Rules>& both) : blocks(both), readout(both) {}
  Tables(std::shared_ptr<const Rules> of_blocks, std::shared_ptr<const Rules> of_readout)
      : blocks(std::move(of_blocks)), readout(std::move(of_readout)) {}
};

Tables tables_of(Theory theory) {
  switch (theory) {
    case Theory::kLrpOurs:
      return Tables(graph::lrp_ours_rules());
    case Theory::kLrp:
      return Tables(graph::lrp_rules());
    case Theory::kAttnLrp:
      return Tables(graph::attn_lrp_rules());
    case Theory::kCpLrp:
      return Tables(graph::cp_lrp_rules());
    case Theory::kDirect:
      break;
  }
  return {graph::direct_rules(), graph::held_norm_rules()};
}

class Walk {
 public:
  Walk(const Network& network, const Tables& tables, const std::vector<RelevanceWatcher*>& watchers, int64_t image,
       int64_t target)
      : network_(network), tables_(tables), watchers_(watchers), image_(image), target_(target) {}

  // From what the score gives the output [1, C] down to what is watched. `tokens` are Z^0 ... Z^L of one image.
  void run(const std::vector<at::Tensor>& tokens, const at::Tensor& images, const at::Tensor& at_output) {
    const auto blocks = static_cast<int64_t>(network_.blocks.size());
    const bool to_images = std::ranges::any_of(watchers_, &RelevanceWatcher::watches_images);
    const int64_t lowest = to_images ? -1 : lowest_watched(watchers_, blocks);
    at::Tensor relevance = network_.pooler ? pass(kPooler, *network_.pooler, tokens.back(), at_output, lowest < blocks)
                                           : pass_readout(tokens.back(), at_output);
    for (int64_t l = blocks - 1; l >= std::max<int64_t>(lowest, 0); --l) {
      relevance = pass(l, network_.blocks[l], tokens[l], relevance, lowest < l);
    }
    if (to_images) show_images(images, relevance);
  }

 private:
  at::Tensor pull(const Program& program, const std::shared_ptr<const Rules>& rules,
                  const std::vector<at::Tensor>& inputs, const at::Tensor& relevance) const {
    return program.record(inputs, {0}, rules).pull({relevance})[0];
  }

  at::Tensor pass_readout(const at::Tensor& tokens, const at::Tensor& relevance) const {
    return pull(network_.readout, tables_.readout, {tokens, network_.image_sizes(1)}, relevance);
  }

  // From a block's output to its input, or from the model's output through the pooler. With `below` false nothing but
  // the context is asked for.
  at::Tensor pass(int64_t index, const AttentionStage& stage, const at::Tensor& tokens, const at::Tensor& relevance,
                  bool below) const {
    const auto sizes = network_.image_sizes(1);
    const auto attend = stage.attend.record({tokens, sizes}, {0}, tables_.blocks);
    const auto attended = network_.attended(stage, attend.outputs(), 1);
    const auto& rules = index == kPooler ? tables_.readout : tables_.blocks;
    const auto tail =
        stage.tail.record({Network::context_in_file(stage, attended.context), tokens, sizes}, {0, 1}, rules);
    const auto at_tail = tail.pull({relevance});
    const RelevanceBlock seen{index,
                              image_,
                              target_,
                              &attended.attention,
                              attended.context,
                              Network::context_from_file(stage, at_tail[0], 1)};
    for (auto* watcher : watchers_) {
      if (watcher->watches(index)) watcher->on_block(seen);
    }
    if (!below) return {};
    std::vector<at::Tensor> at_parts(attend.outputs().size());
    at_parts[3] = at_tail[0];
    return at_tail[1] + attend.pull(at_parts)[0];
  }

  void show_images(const at::Tensor& images, const at::Tensor& relevance) const {
    auto back = relevance;
    const auto patches = network_.run_patchify(images);
    back = pull(network_.embed, tables_.blocks, {patches, network_.image_sizes(1)}, back);
    if (network_.patchify) back = pull(network_.patchify, tables_.blocks, {images, images}, back);
    if (tables_.blocks->gradient) back = back * images;
    for (auto* watcher : watchers_) {
      if (watcher->watches_images()) watcher->on_images(image_, target_, back);
    }
  }

  const Network& network_;
  const Tables& tables_;
  const std::vector<RelevanceWatcher*>& watchers_;
  int64_t image_;
  int64_t target_;
};

// What the walk starts with at the output [1, C]: the score's weights, or each entry's share of the score.
at::Tensor start(const at::Tensor& output, const at::Tensor& weights, bool gradient) {
  if (gradient) return weights;
  const auto shares = output * weights;
  return (shares / shares.sum()).masked_fill(shares == 0, 0);
}

}  // namespace

int64_t lowest_watched(const std::vector<RelevanceWatcher*>& watchers, int64_t blocks) {
  if (std::ranges::any_of(watchers, &RelevanceWatcher::watches_images)) return 0;
  int64_t lowest = 0;
  const auto watched = [&](const RelevanceWatcher* watcher) { return watcher->watches(lowest); };
  while (lowest < blocks && std::ranges::none_of(watchers, watched)) ++lowest;
  return lowest;
}

void walk_relevance(const Network& network, const at::Tensor& images, const std::vector<at::Tensor>& tokens,
                    const at::Tensor& output, const Target& target, const std::vector<RelevanceWatcher*>& watchers) {
  const GradScope scope(false);
  for (const Theory theory : {Theory::kLrpOurs, Theory::kLrp, Theory::kAttnLrp, Theory::kCpLrp, Theory::kDirect}) {
    std::vector<RelevanceWatcher*> watching;
    std::ranges::copy_if(watchers, std::back_inserter(watching),
                         [&](const RelevanceWatcher* watcher) { return watcher->theory() == theory; });
    if (watching.empty()) continue;
    const auto tables = tables_of(theory);
    const int64_t targets = target.count(output);
    for (int64_t k = 0; k < targets; ++k) {
      const auto weights = target.weights(output, k);
      for (int64_t image = 0; image < output.size(0); ++image) {
        const auto alone = [&](const at::Tensor& all) { return all.defined() ? all.narrow(0, image, 1) : all; };
        std::vector<at::Tensor> of_image;
        std::ranges::transform(tokens, std::back_inserter(of_image), alone);
        Walk(network, tables, watching, image, k)
            .run(of_image, alone(images), start(alone(output), alone(weights), tables.blocks->gradient));
      }
    }
  }
}

}  // namespace legrad::model
