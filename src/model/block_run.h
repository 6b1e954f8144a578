#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/sweep.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/ir/tape.h"
#include "model/network.h"

namespace legrad::model {

/// What a backward sweep or a relevance walk needs of a block.
struct Needed {
  bool below = false;      ///< the gradients at its input
  bool context = false;    ///< those at its context
  bool attention = false;  ///< its attention alone
  bool values = false;     ///< every value it computed
  bool tape() const { return below || context; }
  bool anything() const { return tape() || attention || values; }
};

/// Whether one of them needs just that of block `block`; -1 for the pooler.
bool anyone_needs(const std::vector<BackwardWatcher*>& watchers, int64_t block, BackwardNeed need);

/// The first block that a backward watcher needs anything of; `blocks` where there is none.
int64_t lowest_needed(const std::vector<BackwardWatcher*>& watchers, int64_t blocks);

/// Of each block, by backward watchers; and every value from block `values_from` on.
std::vector<Needed> needed(const std::vector<BackwardWatcher*>& watchers, int64_t values_from, int64_t blocks);

/// A block, or the pooler, as it ran on one image, every value of it.
struct StageRun {
  graph::WholeRun attend, tail;
};

/// A block as it ran, with what is needed of it.
struct BlockRun {
  Attended attended;
  at::Tensor output;                ///< Z^l, on the tape; undefined without one
  std::optional<graph::Tape> tape;  ///< from Z^l to Z^{l-1} if `below`, then to the context if that is needed
  std::optional<StageRun> values;
};

/// `known`, if given, is told what the tail's linear layers give, where the tail runs for a tape.
BlockRun run_for(const Needed& needed, const Network& network, const AttentionStage& block, const at::Tensor& tokens,
                 graph::LinearRows* known = nullptr);

/// What a forward sweep leaves for those that go back: tokens, and the runs of the last blocks as far as there is room.
class Kept {
 public:
  /// Z^l before `first` are not kept. Runs of `batch` images take about `bytes` at most.
  Kept(const Network& network, std::vector<Needed> needed, int64_t first, int64_t batch, int64_t bytes);

  /// Whether the run of a block is to be kept.
  bool wants(int64_t block) const { return block >= first_run_ && needed_[block].anything(); }
  const Needed& needed(int64_t block) const { return needed_[block]; }

  void add_tokens(const at::Tensor& tokens);
  void add_run(int64_t block, BlockRun run) { runs_[block] = std::move(run); }

  const std::vector<at::Tensor>& tokens() const { return tokens_; }  ///< Z^0 ... Z^L
  /// The run of a block, which is then let go of; the block is run again where it was not kept.
  BlockRun take_run(const Network& network, int64_t block);
  /// Every value of a run that is kept with them; otherwise nothing.
  const StageRun* values(int64_t block) const;

 private:
  int64_t first_;
  int64_t first_run_;
  std::vector<Needed> needed_;
  std::vector<at::Tensor> tokens_;
  std::vector<std::optional<BlockRun>> runs_;
};

}  // namespace legrad::model
