#include <ATen/Functions.h>

#include "model/grad_scope.h"
#include "model/sweep.h"

namespace legrad::model {
namespace {

class BackwardSweep {
 public:
  BackwardSweep(const Network& network, Kept& kept, const Target& target, const std::vector<BackwardWatcher*>& watchers)
      : network_(network), kept_(kept), tokens_(kept.tokens()), target_(target), watchers_(watchers) {}

  void run() {
    const auto blocks = static_cast<int64_t>(network_.blocks.size());
    bool gradients = network_.pooler && needs_gradient(kPooler);
    for (int64_t l = 0; l < blocks; ++l) gradients = gradients || needs_gradient(l);
    if (gradients) {
      run_readout();
    } else if (network_.pooler && anyone_needs(watchers_, kPooler, BackwardNeed::kAttention)) {
      hand_out(kPooler, network_.attend(*network_.pooler, tokens_.back()).attention);
    }
    const int64_t lowest = lowest_needed(watchers_, blocks);
    for (int64_t l = blocks - 1; l >= lowest; --l) run_block(l);
  }

 private:
  static constexpr int64_t kPooler = -1;

  bool needs_gradient(int64_t block) const {
    return anyone_needs(watchers_, block, BackwardNeed::kTokens) ||
           anyone_needs(watchers_, block, BackwardNeed::kContext);
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
    return lowest_needed(watchers_, last + 1) == last && !anyone_needs(watchers_, last, BackwardNeed::kContext) &&
           !anyone_needs(watchers_, last, BackwardNeed::kAttention);
  }

  // One tape, as many gradients as targets; none where no gradient is needed at the block's context or below it.
  void run_block(int64_t index) {
    const auto& needed = kept_.needed(index);
    const auto to_tokens = [&](size_t k) {
      return BackwardBlock{index, static_cast<int64_t>(k), nullptr, {}, tokens_[index + 1], gradients_[k]};
    };
    if (!needed.tape() && !needed.attention) {
      for (size_t k = 0; k < gradients_.size(); ++k) hand_out(to_tokens(k));
      return;
    }
    const auto run = kept_.take_run(network_, index);
    hand_out(index, run.attended.attention);
    for (size_t k = 0; k < gradients_.size(); ++k) {
      auto block = to_tokens(k);
      std::vector<at::Tensor> taken;
      if (run.tape) taken = run.tape->pull({gradients_[k]}, /*keep=*/k + 1 < gradients_.size());
      if (needed.context) {
        block.attention = &run.attended.attention;
        block.context_gradient = taken.back();
      }
      hand_out(block);
      gradients_[k] = needed.below ? taken.front() : at::Tensor();
    }
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
  Kept& kept_;
  const std::vector<at::Tensor>& tokens_;
  const Target& target_;
  const std::vector<BackwardWatcher*>& watchers_;
  std::vector<at::Tensor> gradients_;  // [K] of ∂s_k/∂Z^l, l falling
};

}  // namespace

void sweep_backward(const Network& network, Kept& kept, const Target& target,
                    const std::vector<BackwardWatcher*>& watchers) {
  BackwardSweep(network, kept, target, watchers).run();
}

}  // namespace legrad::model
