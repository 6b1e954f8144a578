#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/methods/grad_eclip.h>
#include <legrad/text_tower.h>

#include <cstdint>
#include <vector>

namespace legrad {

struct WordsGradEclipOptions {
  std::vector<int64_t> layers = {};  ///< blocks from 0, negative ones from the end; empty: the last eight
  GradEclipHeads heads = GradEclipHeads::kModel;
};

/// Grad-ECLIP (Zhao et al., ICML 2024) of a text tower, as the authors' code for texts sums it over blocks.
///
///   map_j = relu( Σ_l Σ_h λ^l_{h,j} ⟨∂s / ∂O^l_{h,r}, V^l_{h,j}⟩ ),   s = cos(y, c)
///
/// with r the token that the embedding y is read from, c the image's embedding, and λ_j = cos(Q_r, K_j), brought to
/// [0, 1] by the least and the largest over all N tokens. Where a mask holds A_{r,j} at 0 it counts 0.
///
/// Shapes and errors as of `words_legrad`; also throws `InputError` (`Reason::kNoMeaning`) for a tower that reads
/// several tokens.
///
/// Deviations: the authors run the last blocks with a single head, which is another model's output; here the heads are
/// the model's own, and `heads` says whether queries and keys are compared head by head.
at::Tensor words_grad_eclip(const TextTower& tower, const at::Tensor& ids, const at::Tensor& images,
                            const WordsGradEclipOptions& options = {});

}  // namespace legrad
