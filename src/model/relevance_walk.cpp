#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/rules.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "model/grad_scope.h"
#include "model/sweep.h"

namespace legrad::model {
namespace {

using graph::Program;

constexpr int64_t kPooler = -1;
constexpr size_t kContext = 3;  // behind Q, K and V of a program that attends

/// Who share a walk.
struct Walkers {
  std::shared_ptr<const Rules> rules, readout_rules;
  std::vector<RelevanceWatcher*> watchers;
};

// In the order in which they were given.
std::vector<Walkers> by_tables(const std::vector<RelevanceWatcher*>& watchers) {
  std::vector<Walkers> all;
  for (auto* watcher : watchers) {
    const auto rules = watcher->rules(), readout_rules = watcher->readout_rules();
    const auto same = std::ranges::find_if(
        all, [&](const Walkers& others) { return others.rules == rules && others.readout_rules == readout_rules; });
    auto& share = same == all.end() ? all.emplace_back(Walkers{rules, readout_rules, {}}) : *same;
    share.watchers.push_back(watcher);
  }
  return all;
}

// Back through one image, all targets in one pass: what is run again and kept is the same for every target.
class Walk {
 public:
  Walk(const Network& network, const Kept& kept, const Walkers& walkers, int64_t image)
      : network_(network), kept_(kept), walkers_(walkers), watchers_(walkers.watchers), image_(image) {}

  // From what each score gives the output, [K] of [1, C], down to what is watched. `tokens` are Z^0 ... Z^L.
  void run(const std::vector<at::Tensor>& tokens, const at::Tensor& images, std::vector<at::Tensor> relevances) {
    relevances_ = std::move(relevances);
    const auto blocks = static_cast<int64_t>(network_.blocks.size());
    const bool to_images = std::ranges::any_of(watchers_, &RelevanceWatcher::watches_images);
    const int64_t lowest = lowest_watched(watchers_, blocks);
    if (network_.pooler) {
      pass(kPooler, *network_.pooler, tokens.back(), lowest < blocks);
    } else {
      pull(network_.readout, walkers_.readout_rules, {tokens.back(), network_.image_sizes(1)});
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
    const auto* kept = index == kPooler ? nullptr : kept_.values(index);
    const auto run = kept ? *kept : *run_for({.values = true}, network_, stage, tokens).values;
    const auto attended = network_.attended(stage, run.attend.outputs, 1);
    const auto attend = stage.attend.back_through(run.attend, {0}, walkers_.rules);
    const auto& rules = index == kPooler ? walkers_.readout_rules : walkers_.rules;
    const auto tail = stage.tail.back_through(run.tail, {0, 1}, rules);
    for (size_t k = 0; k < relevances_.size(); ++k) {
      const auto at_tail = tail.pull({relevances_[k]});
      show({index, image_, static_cast<int64_t>(k), &attended.attention, attended.context,
            Network::context_from_file(stage, at_tail[0], 1)});
      if (!below) continue;
      std::vector<at::Tensor> at_parts(run.attend.outputs.size());
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
    pull(network_.embed, walkers_.rules, {network_.run_patchify(images), network_.image_sizes(1)});
    if (network_.patchify) pull(network_.patchify, walkers_.rules, {images, images});
    for (size_t k = 0; k < relevances_.size(); ++k) {
      const auto pixels = walkers_.rules->gradient ? relevances_[k] * images : relevances_[k];
      for (auto* watcher : watchers_) {
        if (watcher->watches_images()) watcher->on_images(image_, static_cast<int64_t>(k), pixels);
      }
    }
  }

  const Network& network_;
  const Kept& kept_;
  const Walkers& walkers_;
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

void walk_relevance(const Network& network, const Kept& kept, const at::Tensor& images, const at::Tensor& output,
                    const Target& target, const std::vector<RelevanceWatcher*>& watchers) {
  if (watchers.empty()) return;
  const GradScope scope(false);
  std::vector<at::Tensor> weights;  // [K] of [B, C]
  for (int64_t k = 0; k < target.count(output); ++k) weights.push_back(target.weights(output, k));
  for (const auto& walkers : by_tables(watchers)) {
    for (int64_t image = 0; image < output.size(0); ++image) {
      const auto alone = [&](const at::Tensor& all) { return all.defined() ? all.narrow(0, image, 1) : all; };
      std::vector<at::Tensor> of_image, starts;
      std::ranges::transform(kept.tokens(), std::back_inserter(of_image), alone);
      for (const auto& each : weights) starts.push_back(start(alone(output), alone(each), walkers.rules->gradient));
      Walk(network, kept, walkers, image).run(of_image, alone(images), std::move(starts));
    }
  }
}

}  // namespace legrad::model
