#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

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
constexpr size_t kContext = 3;  // behind Q, K and V of a program that attends

struct Tables {
  std::shared_ptr<const Rules> blocks, readout;
  explicit Tables(const std::shared_ptr<const Rules>& both) : blocks(both), readout(both) {}
  Tables(std::shared_ptr<const Rules> of_blocks, std::shared_ptr<const Rules> of_readout)
      : blocks(std::move(of_blocks)), readout(std::move(of_readout)) {}
};

Tables tables_of(Theory theory, const Gammas& gammas) {
  switch (theory) {
    case Theory::kLrpOurs:
      return Tables(graph::lrp_ours_rules());
    case Theory::kLrp:
      return Tables(graph::lrp_rules());
    case Theory::kAttnLrp:
      return Tables(graph::attn_lrp_rules(gammas.linear, gammas.patches));
    case Theory::kCpLrp:
      return Tables(graph::cp_lrp_rules(gammas.linear, gammas.patches));
    case Theory::kDirect:
      break;
  }
  return {graph::direct_rules(), graph::held_norm_rules()};
}

// Back through one image, all targets in one pass: what is run again and kept is the same for every target.
class Walk {
 public:
  Walk(const Network& network, const Tables& tables, const std::vector<RelevanceWatcher*>& watchers, int64_t image)
      : network_(network), tables_(tables), watchers_(watchers), image_(image) {}

  // From what each score gives the output, [K] of [1, C], down to what is watched. `tokens` are Z^0 ... Z^L.
  void run(const std::vector<at::Tensor>& tokens, const at::Tensor& images, std::vector<at::Tensor> relevances) {
    relevances_ = std::move(relevances);
    const auto blocks = static_cast<int64_t>(network_.blocks.size());
    const bool to_images = std::ranges::any_of(watchers_, &RelevanceWatcher::watches_images);
    const int64_t lowest = lowest_watched(watchers_, blocks);
    if (network_.pooler) {
      pass(kPooler, *network_.pooler, tokens.back(), lowest < blocks);
    } else {
      pull(network_.readout, tables_.readout, {tokens.back(), network_.image_sizes(1)});
    }
    for (int64_t l = blocks - 1; l >= lowest; --l) pass(l, network_.blocks[l], tokens[l], to_images || lowest < l);
    if (to_images) show_images(images);
  }

 private:
  // Through a program to its first input.
  void pull(const Program& program, const std::shared_ptr<const Rules>& rules, const std::vector<at::Tensor>& inputs) {
    const auto tape = program.record(inputs, {0}, rules);
    for (auto& relevance : relevances_) relevance = tape.pull({relevance})[0];
  }

  // From a block's output to its input, or from the model's output through the pooler. With `below` false nothing but
  // the context is asked for.
  void pass(int64_t index, const AttentionStage& stage, const at::Tensor& tokens, bool below) {
    const auto sizes = network_.image_sizes(1);
    const auto attend = stage.attend.record({tokens, sizes}, {0}, tables_.blocks);
    const auto attended = network_.attended(stage, attend.outputs(), 1);
    const auto& rules = index == kPooler ? tables_.readout : tables_.blocks;
    const auto tail =
        stage.tail.record({Network::context_in_file(stage, attended.context), tokens, sizes}, {0, 1}, rules);
    for (size_t k = 0; k < relevances_.size(); ++k) {
      const auto at_tail = tail.pull({relevances_[k]});
      show({index, image_, static_cast<int64_t>(k), &attended.attention, attended.context,
            Network::context_from_file(stage, at_tail[0], 1)});
      if (!below) continue;
      std::vector<at::Tensor> at_parts(attend.outputs().size());
      at_parts[kContext] = at_tail[0];
      relevances_[k] = at_tail[1] + attend.pull(at_parts)[0];
    }
  }

  void show(const RelevanceBlock& block) const {
    for (auto* watcher : watchers_) {
      if (watcher->watches(block.index)) watcher->on_block(block);
    }
  }

  void show_images(const at::Tensor& images) {
    pull(network_.embed, tables_.blocks, {network_.run_patchify(images), network_.image_sizes(1)});
    if (network_.patchify) pull(network_.patchify, tables_.blocks, {images, images});
    for (size_t k = 0; k < relevances_.size(); ++k) {
      const auto pixels = tables_.blocks->gradient ? relevances_[k] * images : relevances_[k];
      for (auto* watcher : watchers_) {
        if (watcher->watches_images()) watcher->on_images(image_, static_cast<int64_t>(k), pixels);
      }
    }
  }

  const Network& network_;
  const Tables& tables_;
  const std::vector<RelevanceWatcher*>& watchers_;
  int64_t image_;
  std::vector<at::Tensor> relevances_;  // [K], at the stage that was passed last
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
  if (watchers.empty()) return;
  const GradScope scope(false);
  std::vector<at::Tensor> weights;  // [K] of [B, C]
  for (int64_t k = 0; k < target.count(output); ++k) weights.push_back(target.weights(output, k));
  for (auto waiting = watchers; !waiting.empty();) {
    const auto theory = waiting.front()->theory();
    const auto gammas = waiting.front()->gammas();
    const auto others = std::ranges::stable_partition(waiting, [&](const RelevanceWatcher* watcher) {
      return watcher->theory() == theory && watcher->gammas() == gammas;
    });
    const std::vector<RelevanceWatcher*> watching(waiting.begin(), others.begin());
    waiting.erase(waiting.begin(), others.begin());
    const auto tables = tables_of(theory, gammas);
    for (int64_t image = 0; image < output.size(0); ++image) {
      const auto alone = [&](const at::Tensor& all) { return all.defined() ? all.narrow(0, image, 1) : all; };
      std::vector<at::Tensor> of_image, starts;
      std::ranges::transform(tokens, std::back_inserter(of_image), alone);
      for (const auto& each : weights) starts.push_back(start(alone(output), alone(each), tables.blocks->gradient));
      Walk(network, tables, watching, image).run(of_image, alone(images), std::move(starts));
    }
  }
}

}  // namespace legrad::model
