#include <ATen/Functions.h>
#include <legrad/error.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "graph/ir/tape.h"
#include "model/grad_scope.h"
#include "model/rows.h"
#include "model/sweep.h"

namespace legrad::model {
namespace {

// Rows that go through a block's tail together when targets share one pass.
constexpr int64_t kRowsPerPass = 256;

// What blocks that wait for the pooler may hold together.
constexpr int64_t kPooledBytes = int64_t{8} << 20;

// As many rows as the readout takes.
int64_t rows_taken(const Network& network) {
  const auto& structure = network.structure;
  return network.plan.rows_restricted ? static_cast<int64_t>(structure.readout_rows.size()) : structure.tokens;
}

// The output where every row that the readout takes is the same, `token` [B, 1, d].
at::Tensor read_out_alone(const Network& network, const at::Tensor& token) {
  return network.run_readout(token.expand({-1, rows_taken(network), -1}));
}

class ForwardSweep {
 public:
  ForwardSweep(const Network& network, const Target& target, const std::vector<ForwardWatcher*>& watchers, Kept* kept)
      : network_(network), target_(target), watchers_(watchers), kept_(kept) {}

  at::Tensor run(const at::Tensor& images) {
    auto tokens = network_.run_embed(images);
    if (kept_) kept_->add_tokens(tokens);
    const auto blocks = static_cast<int64_t>(network_.blocks.size());
    for (index_ = 0; index_ < blocks; ++index_) {
      tokens = run_block(network_.blocks[index_], tokens, is_last(index_) && !kept_);
      if (kept_) kept_->add_tokens(tokens);
    }
    for (const auto& [kind, pooled] : pooled_) score_pooled(kind, pooled);
    if (output_.defined()) return output_;
    return network_.run_readout(tokens);
  }

 private:
  // A block's tokens as the pooler attends to them.
  struct Pooled {
    int64_t block;
    Attended attended;
    at::Tensor tokens;
  };

  bool is_last(int64_t block) const { return block + 1 == static_cast<int64_t>(network_.blocks.size()); }

  bool wanted(BlockScore score) const {
    return std::any_of(watchers_.begin(), watchers_.end(),
                       [&](const ForwardWatcher* watcher) { return watcher->wants(index_) == score; });
  }
  bool watched() const {
    return std::any_of(watchers_.begin(), watchers_.end(),
                       [&](const ForwardWatcher* watcher) { return watcher->watches(index_); });
  }

  // Returns Z^l; after the last block nothing, if nobody needs more of it than its readout rows.
  at::Tensor run_block(const Network::Block& block, const at::Tensor& input, bool output_suffices) {
    const bool model = wanted(BlockScore::kModel);
    const bool mean = wanted(BlockScore::kTokenMean);
    const bool on_rows = model && network_.plan.rows_restricted && !network_.pooler;
    const bool on_all_rows = model && !on_rows && !network_.pooler;

    // A tape of its own is taken where all rows are scored.
    const bool keep = kept_ && kept_->wants(index_) && !(mean || on_all_rows);
    auto known = on_rows && !mean ? rows_to_be_known(input) : std::nullopt;
    auto run = run_for(keep ? kept_->needed(index_) : Needed(), network_, block, input, known ? &*known : nullptr);
    const auto& attended = run.attended;
    if (on_rows && !mean && output_suffices && !watched()) {
      score_on_rows(block, attended, input, known, /*keep_output=*/true);
      return {};
    }
    at::Tensor output;
    if (mean || on_all_rows) {
      output = score_on_all_rows(block, attended, input, on_all_rows, mean);
    } else if (run.output.defined()) {
      output = run.output.detach();
    } else {
      output = network_.run_tail(block, attended.context, input, known ? &*known : nullptr);
    }
    if (watched()) {
      ForwardBlock seen{index_, input, output, attended.attention};
      if (network_.structure.attention_added) {
        seen.projected = [&] { return network_.run_project(block, input); };
        seen.added = [&](const at::Tensor& context) { return network_.run_add(block, context, input); };
      }
      for (auto* watcher : watchers_) {
        if (watcher->watches(index_)) watcher->on_block(seen);
      }
    }
    if (on_rows) score_on_rows(block, attended, input, known, /*keep_output=*/false);
    if (model && network_.pooler) pool(BlockScore::kModel, output);
    if (wanted(BlockScore::kPublished)) pool(BlockScore::kPublished, output);
    if (keep) kept_->add_run(index_, std::move(run));
    return output;
  }

  // For what a pass over all rows need not compute again on the readout rows. The last block has such a pass only if
  // somebody watches it, and its score does not depend on who does.
  std::optional<graph::LinearRows> rows_to_be_known(const at::Tensor& tokens) const {
    const bool one_run = tokens.size(0) == 1 || !network_.plan.batch_of_one;
    if (!network_.rows_known || network_.rules || !one_run || is_last(index_)) return std::nullopt;
    const auto& rows = network_.structure.readout_rows;
    return graph::LinearRows(tokens.size(0), tokens.size(1),
                             [&rows](const at::Tensor& all, int64_t dim) { return select_rows(all, dim, rows); });
  }

  // The readout sees a few rows only, so the block's tail runs on those, once for every target: the rows are repeated
  // along the batch and one backward pass takes the gradients of several scores.
  void score_on_rows(const Network::Block& block, const Attended& attended, const at::Tensor& input,
                     const std::optional<graph::LinearRows>& known, bool keep_output) {
    const auto& rows = network_.structure.readout_rows;
    const auto context = select_rows(attended.context, 2, rows);
    const auto tokens = select_rows(input, 1, rows);
    const int64_t batch = tokens.size(0);
    const auto output = [&](int64_t first, const std::vector<at::Tensor>& leaves) {
      const auto repeated = tokens.repeat({leaves[0].size(0) / batch, 1, 1});
      auto of_leaves = network_.run_readout(known ? network_.run_tail_knowing(*known, block, leaves[0], repeated)
                                                  : network_.run_tail(block, leaves[0], repeated));
      if (keep_output && first == 0) output_ = of_leaves.narrow(0, 0, batch).detach();
      return of_leaves;
    };
    const auto use = [&](int64_t first, const at::Tensor& scores, const std::vector<at::Tensor>& taken) {
      hand_out(BlockScore::kModel,
               {index_, first, scores.select(1, 0), taken[0].select(1, 0), &rows, &attended.attention});
    };
    score_in_passes({context}, 1, context.size(2), output, use);
  }

  // s^l = pool(Z^l) · c is scored later, of as many blocks at once as fit: the pooler is the same for all, and its
  // weights are then read once.
  void pool(BlockScore kind, const at::Tensor& tokens) {
    auto& waiting = pooled_[kind];
    waiting.push_back({index_, network_.attend(pooler(kind), tokens), tokens});
    const auto& attention = waiting.back().attended.attention;
    const auto each = static_cast<int64_t>(tokens.nbytes() + attention.key.nbytes() + attention.value.nbytes());
    const int64_t rows = tokens.size(0) * attention.queries();
    const auto more = static_cast<int64_t>(waiting.size()) + 1;
    if (more * each > kPooledBytes || more * rows > kRowsPerPass) score_pooled(kind, std::exchange(waiting, {}));
  }

  void score_pooled(BlockScore kind, const std::vector<Pooled>& pooled) {
    if (pooled.empty()) return;
    std::vector<at::Tensor> contexts;
    std::vector<at::Tensor> tokens;
    contexts.reserve(pooled.size());
    tokens.reserve(pooled.size());
    for (const auto& each : pooled) {
      contexts.push_back(each.attended.context);
      tokens.push_back(each.tokens);
    }
    const auto blocks = static_cast<int64_t>(pooled.size());
    const int64_t batch = tokens[0].size(0);
    const auto& stage = pooler(kind);
    const auto output = [&](int64_t first, const std::vector<at::Tensor>& leaves) {
      const int64_t times = leaves[0].size(0) / (blocks * batch);
      const auto repeated = stage.tail_reads_tokens()
                                ? at::cat(tokens).repeat({times, 1, 1})
                                : tokens[0].narrow(0, 0, 1).expand({times * blocks * batch, -1, -1});
      auto of_leaves = network_.run_tail(stage, leaves[0], repeated);
      if (kind == BlockScore::kModel && first == 0 && is_last(pooled.back().block)) {
        output_ = of_leaves.narrow(0, (blocks - 1) * batch, batch).detach();
      }
      return of_leaves;
    };
    const auto use = [&](int64_t first, const at::Tensor& scores, const std::vector<at::Tensor>& taken) {
      for (int64_t l = 0; l < blocks; ++l) {
        hand_out(kind, {pooled[l].block, first, scores.select(1, l), taken[0].select(1, l), nullptr,
                        &pooled[l].attended.attention});
      }
    };
    score_in_passes({at::cat(contexts)}, blocks, contexts[0].size(2), output, use);
  }

  const AttentionStage& pooler(BlockScore kind) const {
    return kind == BlockScore::kModel ? *network_.pooler : published_pooler();
  }

  const AttentionStage& published_pooler() const {
    if (!network_.published_pooler) {
      throw InputError(
          "the published readout leaves out a pooler model's final norm, and this model has none; use the model's own");
    }
    return *network_.published_pooler;
  }

  // Some targets at a time: `run` gives the output [T·L·B, C] of `values` [L·B, ...], of L blocks, repeated T times,
  // and `use` takes the scores [T, L, B] and their gradients [T, L, B, ...].
  template <typename Run, typename Use>
  void score_in_passes(const std::vector<at::Tensor>& values, int64_t blocks, int64_t rows, const Run& run,
                       const Use& use) {
    const int64_t batch = values[0].size(0) / blocks;
    const int64_t per_pass = std::max<int64_t>(1, kRowsPerPass / (blocks * batch * rows));
    int64_t targets = count_targets(network_.structure, batch, values[0]);
    int64_t most = 0;
    for (int64_t first = 0; first == 0 || first < targets; first += most) {
      const GradScope scope(true);
      most = targets < 0 ? 1 : std::min(per_pass, targets - first);
      std::vector<at::Tensor> leaves;
      for (const auto& value : values) {
        std::vector<int64_t> times(value.dim(), 1);
        times[0] = most;
        leaves.push_back(value.detach().repeat(times).requires_grad_());
      }
      const auto outputs = run(first, leaves).unflatten(0, {most, blocks, batch});
      if (targets < 0) targets = targets_ = target_.count(outputs[0][0].detach());
      std::vector<at::Tensor> of_blocks;
      of_blocks.reserve(blocks);
      for (const auto& output : outputs.unbind(1)) of_blocks.push_back(target_.scores_apart(output, first));  // [T, B]
      const auto scores = at::stack(of_blocks, 1);
      auto taken = gradient(scores.sum(), leaves, false);
      for (auto& each : taken) each = each.unflatten(0, {most, blocks, batch});
      use(first, scores.detach(), taken);
    }
  }

  // The number of targets; what the target is checked against is the output's shape. -1: only a real output tells.
  int64_t count_targets(const Structure& structure, int64_t batch, const at::Tensor& like) {
    if (targets_ < 0 && !target_.needs_output()) {
      targets_ = target_.count(at::zeros({1}, like.options()).expand({batch, structure.output_width}));
    }
    return targets_;
  }

  // All rows matter, or their mean does: the block's own forward keeps its tape, and each target takes one backward
  // pass.
  at::Tensor score_on_all_rows(const Network::Block& block, const Attended& attended, const at::Tensor& input,
                               bool model, bool mean) {
    const GradScope scope(true);
    const auto leaf = attended.context.detach().requires_grad_();
    at::Tensor tokens;
    if (mean) {
      const auto both = network_.run_tail_with_means(block, leaf, input);
      tokens = both.tokens;
      score_mean(block, {both.means, {leaf}}, attended.attention, model);
    } else {
      tokens = network_.run_tail(block, leaf, input);
    }
    if (model) {
      const auto output = network_.run_readout(tokens);
      if (is_last(index_)) output_ = output.detach();
      const int64_t targets = target_.count(output.detach());
      for (int64_t k = 0; k < targets; ++k) {
        const auto score = target_.score(output, k);
        const auto taken = gradient(score.sum(), {leaf}, k + 1 < targets)[0];
        hand_out(BlockScore::kModel,
                 {index_, k, score.detach().unsqueeze(0), taken.unsqueeze(0), nullptr, &attended.attention});
      }
    }
    return tokens.detach();
  }

  // From the scores to the means that the tail gave, for several targets at once, and on by its tape for each.
  void score_mean(const Network::Block& block, const graph::Tape& tail, const Attention& attention, bool keep_tape) {
    const auto output = [&](int64_t, const std::vector<at::Tensor>& means) {
      return read_out_alone(network_, network_.run_mean(block, means));
    };
    const auto use = [&](int64_t first, const at::Tensor& scores, const std::vector<at::Tensor>& taken) {
      for (int64_t t = 0; t < scores.size(0); ++t) {
        std::vector<at::Tensor> at_means;
        at_means.reserve(taken.size());
        for (const auto& of_targets : taken) at_means.push_back(of_targets[t][0]);
        const bool more = keep_tape || first + t + 1 < targets_;
        hand_out(BlockScore::kTokenMean,
                 {index_, first + t, scores[t], tail.pull(at_means, more)[0].unsqueeze(0), nullptr, &attention});
      }
    };
    score_in_passes(tail.outputs(), 1, 1, output, use);
  }

  void hand_out(BlockScore kind, const ScoreGradient& gradient) {
    const GradScope scope(false);
    for (auto* watcher : watchers_) {
      if (watcher->wants(gradient.block) == kind) watcher->on_gradient(gradient);
    }
  }

  const Network& network_;
  const Target& target_;
  const std::vector<ForwardWatcher*>& watchers_;
  Kept* kept_;
  int64_t index_ = 0;
  int64_t targets_ = -1;
  std::map<BlockScore, std::vector<Pooled>> pooled_;
  at::Tensor output_;
};

}  // namespace

void score_tokens(const Network& network, const Target& target, const std::vector<ForwardWatcher*>& watchers) {
  const GradScope scope(false);
  for (auto* watcher : watchers) {
    const auto tokens = watcher->tokens();
    if (!tokens.defined()) continue;
    const int64_t at_once = std::max<int64_t>(1, kRowsPerPass / (tokens.size(0) * rows_taken(network)));
    std::vector<at::Tensor> scores;                                   // [n] of [B, K]
    for (const auto& some : tokens.transpose(0, 1).split(at_once)) {  // [n', B, d]
      const auto outputs =
          read_out_alone(network, some.flatten(0, 1).unsqueeze(1)).unflatten(0, {some.size(0), some.size(1)});
      for (const auto& output : outputs.unbind(0)) scores.push_back(target.scores(output));
    }
    watcher->on_scores(at::stack(scores, 2));
  }
}

bool any_score_wanted(const std::vector<ForwardWatcher*>& watchers, int64_t blocks) {
  for (int64_t block = 0; block < blocks; ++block) {
    const auto wants = [&](const ForwardWatcher* watcher) { return watcher->wants(block) != BlockScore::kNone; };
    if (std::ranges::any_of(watchers, wants)) return true;
  }
  return false;
}

std::vector<at::Tensor> gradient(const at::Tensor& score, const std::vector<at::Tensor>& leaves, bool keep_tape) {
  if (!score.requires_grad()) {
    throw InputError("the target's score does not depend on the model's output in a way that can be differentiated",
                     Reason::kNotDifferentiable);
  }
  return graph::Tape({score}, leaves).pull({at::ones_like(score)}, keep_tape);
}

at::Tensor sweep_forward(const Network& network, const at::Tensor& images, const Target& target,
                         const std::vector<ForwardWatcher*>& watchers, Kept* kept) {
  const GradScope scope(false);
  return ForwardSweep(network, target, watchers, kept).run(images);
}

}  // namespace legrad::model
