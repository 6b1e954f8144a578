#include <ATen/Functions.h>
#include <torch/csrc/autograd/autograd.h>

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
    run_readout();
    for (auto l = static_cast<int64_t>(network_.blocks.size()) - 1; l >= 0; --l) run_block(l);
  }

 private:
  // From the output to Z^L, and to the pooler's context where there is one.
  void run_readout() {
    const GradScope scope(true);
    const auto leaf = tokens_.back().detach().requires_grad_();
    Attended attended;
    at::Tensor output;
    if (network_.pooler) {
      attended = network_.attend(*network_.pooler, leaf);
      output = network_.run_tail(*network_.pooler, attended.context, leaf);
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
        hand_out({-1, k, &attended.attention, taken[1], tokens_.back(), taken[0]});
      } else {
        gradients_.push_back(gradient(score, {leaf}, more)[0]);
      }
    }
  }

  // One tape, as many gradients as targets. Nobody needs the gradient at the first block's input.
  void run_block(int64_t index) {
    const auto& block = network_.blocks[index];
    const bool first = index == 0;
    const GradScope scope(true);
    const auto leaf = first ? tokens_[0] : tokens_[index].detach().requires_grad_();
    auto attended = network_.attend(block, leaf);
    if (first) attended.context = attended.context.detach().requires_grad_();
    const auto output = network_.run_tail(block, attended.context, leaf);
    std::vector<at::Tensor> leaves = {attended.context};
    if (!first) leaves.push_back(leaf);
    for (size_t k = 0; k < gradients_.size(); ++k) {
      auto taken = torch::autograd::grad({output}, leaves, {gradients_[k]}, /*retain_graph=*/k + 1 < gradients_.size());
      hand_out({index, static_cast<int64_t>(k), &attended.attention, taken[0], tokens_[index + 1], gradients_[k]});
      gradients_[k] = first ? at::Tensor() : taken[1];
    }
  }

  void hand_out(const BackwardBlock& block) {
    const GradScope scope(false);
    for (auto* watcher : watchers_) watcher->on_block(block);
  }

  const Network& network_;
  const std::vector<at::Tensor>& tokens_;
  const Target& target_;
  const std::vector<BackwardWatcher*>& watchers_;
  std::vector<at::Tensor> gradients_;  // [K] of ∂s_k/∂Z^l, l falling
};

}  // namespace

void sweep_backward(const Network& network, const std::vector<at::Tensor>& tokens, const Target& target,
                    const std::vector<BackwardWatcher*>& watchers) {
  BackwardSweep(network, tokens, target, watchers).run();
}

}  // namespace legrad::model
