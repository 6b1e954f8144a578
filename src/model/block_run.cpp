#include "model/block_run.h"

#include <algorithm>
#include <utility>

#include "model/grad_scope.h"

namespace legrad::model {
namespace {

// Q, K, V and O of one image.
int64_t bytes_of_attention(const Structure& structure) {
  return 4 * structure.tokens * structure.width * static_cast<int64_t>(c10::elementSize(structure.dtype));
}

}  // namespace

bool anyone_needs(const std::vector<BackwardWatcher*>& watchers, int64_t block, BackwardNeed need) {
  return std::ranges::any_of(watchers, [&](const BackwardWatcher* watcher) { return watcher->needs(block) == need; });
}

int64_t lowest_needed(const std::vector<BackwardWatcher*>& watchers, int64_t blocks) {
  int64_t lowest = 0;
  const auto needs = [&](const BackwardWatcher* watcher) { return watcher->needs(lowest) != BackwardNeed::kNothing; };
  while (lowest < blocks && std::ranges::none_of(watchers, needs)) ++lowest;
  return lowest;
}

std::vector<Needed> needed(const std::vector<BackwardWatcher*>& watchers, int64_t values_from, int64_t blocks) {
  std::vector<Needed> all(blocks);
  bool below = false;  // whether a block before this one has to be reached
  for (int64_t l = 0; l < blocks; ++l) {
    all[l] = {below, anyone_needs(watchers, l, BackwardNeed::kContext),
              anyone_needs(watchers, l, BackwardNeed::kAttention), l >= values_from};
    below = below || all[l].context || anyone_needs(watchers, l, BackwardNeed::kTokens);
  }
  return all;
}

BlockRun run_for(const Needed& needed, const Network& network, const AttentionStage& block, const at::Tensor& tokens,
                 graph::LinearRows* known) {
  if (!needed.tape() && !needed.values) return {network.attend(block, tokens), {}, {}, {}};
  const GradScope scope(needed.tape());
  const auto leaf = needed.below ? tokens.detach().requires_grad_() : tokens;
  BlockRun run;
  auto& context = run.attended.context;
  if (needed.values) {
    run.values = {network.attend_whole(block, leaf), {}};
    run.attended = network.attended(block, run.values->attend.outputs, 1);
  } else {
    run.attended = network.attend(block, leaf);
  }
  if (needed.tape() && !needed.below) context = context.detach().requires_grad_();
  if (needed.values) {
    run.values->tail = network.run_tail_whole(block, context, leaf, known);
    run.output = run.values->tail.outputs[0];
  } else {
    run.output = network.run_tail(block, context, leaf, known);
  }
  if (!needed.tape()) return run;
  std::vector<at::Tensor> leaves;
  if (needed.below) leaves.push_back(leaf);
  if (needed.context) leaves.push_back(context);
  run.tape.emplace(std::vector<at::Tensor>{run.output}, std::move(leaves));
  return run;
}

Kept::Kept(const Network& network, std::vector<Needed> needed, int64_t first, int64_t batch, int64_t bytes)
    : first_(first), needed_(std::move(needed)), runs_(needed_.size()) {
  first_run_ = network.structure.blocks;
  for (int64_t left = bytes / batch; first_run_ > first; --first_run_) {
    const auto& needs = needed_[first_run_ - 1];
    const bool all = needs.tape() || needs.values;  // a tape and all values are much the same tensors
    left -= all ? network.tape_bytes : needs.attention ? bytes_of_attention(network.structure) : 0;
    if (left < 0) break;
  }
}

void Kept::add_tokens(const at::Tensor& tokens) {
  tokens_.push_back(static_cast<int64_t>(tokens_.size()) >= first_ ? tokens : at::Tensor());
}

BlockRun Kept::take_run(const Network& network, int64_t block) {
  if (auto& run = runs_[block]) return *std::exchange(run, std::nullopt);
  return run_for(needed_[block], network, network.blocks[block], tokens_[block]);
}

const StageRun* Kept::values(int64_t block) const {
  const auto& run = runs_[block];
  return run && run->values ? &*run->values : nullptr;
}

}  // namespace legrad::model
