#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/sweep.h>
#include <legrad/target.h>

#include <vector>

#include "model/block_run.h"
#include "model/network.h"

namespace legrad::model {

/// Whether any of them asks a block for its own score, which needs the target.
bool any_score_wanted(const std::vector<ForwardWatcher*>& watchers, int64_t blocks);

/// First block to last, handing each block and the gradients of its own score to whoever wants them. A block's
/// gradients are taken right after it ran and then let go, so memory does not grow with the number of blocks. Returns
/// the output [B, C]. What is to be `kept`, if given, is put there.
at::Tensor sweep_forward(const Network& network, const at::Tensor& images, const Target& target,
                         const std::vector<ForwardWatcher*>& watchers, Kept* kept);

/// Reads out the watchers' own tokens, each alone.
void score_tokens(const Network& network, const Target& target, const std::vector<ForwardWatcher*>& watchers);

/// Last block to first, with the gradient of the final score. A block whose run was not kept is run again.
void sweep_backward(const Network& network, Kept& kept, const Target& target,
                    const std::vector<BackwardWatcher*>& watchers);

/// The first block that a relevance walk goes down to; `blocks` where there is none.
int64_t lowest_watched(const std::vector<RelevanceWatcher*>& watchers, int64_t blocks);

/// Last block to first by each table of rules that is watched, image by image: rules take sums over all of one. A block
/// whose values were not kept is run again, and all that it computes for one image is kept while the walk passes it.
void walk_relevance(const Network& network, const Kept& kept, const at::Tensor& images, const at::Tensor& output,
                    const Target& target, const std::vector<RelevanceWatcher*>& watchers);

/// ∂scores/∂leaf of one score after another.
std::vector<at::Tensor> gradient(const at::Tensor& score, const std::vector<at::Tensor>& leaves, bool keep_tape);

}  // namespace legrad::model
