#include <ATen/Functions.h>

#include <algorithm>

#include "graph/ir/tape.h"
#include "model/grad_scope.h"
#include "model/sweep.h"

namespace legrad::model {
namespace {

class BackwardSweep {
 public:
  BackwardSweep(const Network& network, const std::vector<at::Tensor>& tokens, const Target& target,
                const std::vector<BackwardWatcher*>& watchers)
      : network_(network), tokens_(tokens), target_(target), watchers_(watchers) {}

  void run() {
    const auto blocks = static_cast<int64_t>(network_.blocks.size());
    lowest_gradient_ = 0;
    while (lowest_gradient_ < blocks && !needs_gradient(lowest_gradient_)) ++lowest_gradient_;
    if (lowest_gradient_ < blocks || (network_.pooler && needs_gradient(kPooler))) {
      run_readout();
    } else if (network_.pooler) {
      show_attention(kPooler, *network_.pooler, tokens_.back());
    }
    const int64_t lowest = lowest_needed(watchers_, blocks);
    for (int64_t l = blocks - 1; l >= lowest; --l) run_block(l);
  }

 private:
  static constexpr int64_t kPooler = -1;

  bool anyone_needs(int64_t block, BackwardNeed need) const {
    return std::any_of(watchers_.begin(), watchers_.end(),
                       [&](const BackwardWatcher* watcher) { return watcher->needs(block) == need; });
  }
  bool needs_gradient(int64_t block) const {
    return anyone_needs(block, BackwardNeed::kTokens) || anyone_needs(block, BackwardNeed::kContext);
  }

  // From the output to Z^L, and to the pooler's context where there is one.
  void run_readout() {
    const GradScope scope(true);
    const auto leaf = tokens_.back().detach().requires_grad_();
    Attended attended;
    at::Tensor output;
    if (network_.pooler) {
      attended = network_.attend(*network_.pooler, leaf);
      output = network_.run_tail(*network_.pooler, attended.context, leaf);
      hand_out(kPooler, attended.attention);
    } else {
      output = network_.run_readout(leaf);
    }
    const int64_t targets = target_.count(output.detach());
    for (int64_t k = 0; k < targets; ++k) {
      const auto score = target_.score(output, k).sum();
      const bool more = k + 1 < targets;
      if (network_.pooler) {
        auto taken = gradient(score, {leaf, attended.context}, more);
        gradients_.push_back(taken[0]);
        hand_out({kPooler, k, &attended.attention, taken[1], tokens_.back(), taken[0]});
      } else if (ends_at_tokens()) {
        const auto last = static_cast<int64_t>(network_.blocks.size()) - 1;
        hand_out({last, k, nullptr, {}, tokens_.back(), gradient(score, {leaf}, more)[0]});
      } else {
        gradients_.push_back(gradient(score, {leaf}, more)[0]);
      }
    }
  }

  // Whether Z^L's gradients are all that is needed. Then none is kept: there may be one for each entry of an output.
  bool ends_at_tokens() const {
    const auto last = static_cast<int64_t>(network_.blocks.size()) - 1;
    return lowest_needed(watchers_, last + 1) == last && !anyone_needs(last, BackwardNeed::kContext) &&
           !anyone_needs(last, BackwardNeed::kAttention);
  }

  // One tape, as many gradients as targets; none where no gradient is needed at the block's context or below it.
  void run_block(int64_t index) {
    const auto& block = network_.blocks[index];
    const bool below = lowest_gradient_ < index;
    const bool context = anyone_needs(index, BackwardNeed::kContext);
    if (!below && !context) {
      show_attention(index, block, tokens_[index]);
      for (size_t k = 0; k < gradients_.size(); ++k) {
        hand_out({index, static_cast<int64_t>(k), nullptr, {}, tokens_[index + 1], gradients_[k]});
      }
      return;
    }
    const GradScope scope(true);
    const auto leaf = below ? tokens_[index].detach().requires_grad_() : tokens_[index];
    auto attended = network_.attend(block, leaf);
    if (!below) attended.context = attended.context.detach().requires_grad_();
    hand_out(index, attended.attention);
    std::vector<at::Tensor> leaves;
    if (below) leaves.push_back(leaf);
    if (context) leaves.push_back(attended.context);
    const graph::Tape tape({network_.run_tail(block, attended.context, leaf)}, leaves);
    for (size_t k = 0; k < gradients_.size(); ++k) {
      const auto taken = tape.pull({gradients_[k]}, /*keep=*/k + 1 < gradients_.size());
      hand_out({index, static_cast<int64_t>(k), context ? &attended.attention : nullptr,
                context ? taken.back() : at::Tensor(), tokens_[index + 1], gradients_[k]});
      gradients_[k] = below ? taken.front() : at::Tensor();
    }
  }

  void show_attention(int64_t index, const AttentionStage& stage, const at::Tensor& tokens) {
    if (anyone_needs(index, BackwardNeed::kAttention)) hand_out(index, network_.attend(stage, tokens).attention);
  }

  void hand_out(int64_t index, const Attention& attention) {
    const GradScope scope(false);
    for (auto* watcher : watchers_) {
      if (watcher->needs(index) == BackwardNeed::kAttention) watcher->on_attention(index, attention);
    }
  }

  void hand_out(const BackwardBlock& block) {
    const GradScope scope(false);
    for (auto* watcher : watchers_) {
      const auto need = watcher->needs(block.index);
      if (need == BackwardNeed::kTokens || need == BackwardNeed::kContext) watcher->on_block(block);
    }
  }

  const Network& network_;
  const std::vector<at::Tensor>& tokens_;
  const Target& target_;
  const std::vector<BackwardWatcher*>& watchers_;
  int64_t lowest_gradient_ = 0;        // the first block someone needs a gradient of
  std::vector<at::Tensor> gradients_;  // [K] of ∂s_k/∂Z^l, l falling
};

}  // namespace

int64_t lowest_needed(const std::vector<BackwardWatcher*>& watchers, int64_t blocks) {
  int64_t lowest = 0;
  const auto needed = [&](const BackwardWatcher* watcher) { return watcher->needs(lowest) != BackwardNeed::kNothing; };
  while (lowest < blocks && std::none_of(watchers.begin(), watchers.end(), needed)) ++lowest;
  return lowest;
}

void sweep_backward(const Network& network, const std::vector<at::Tensor>& tokens, const Target& target,
                    const std::vector<BackwardWatcher*>& watchers) {
  BackwardSweep(network, tokens, target, watchers).run();
}

}  // namespace legrad::model
