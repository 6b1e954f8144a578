#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/text_tower.h>

#include <cstdint>
#include <vector>

namespace legrad {

struct WordsLegradOptions {
  std::vector<int64_t> layers = {};  ///< blocks from 0, negative ones from the end; empty: all
};

/// LeGrad (Bousselham et al., arXiv 2404.03214, eq. 7 and 10) of a text tower: which tokens of a text make it like an
/// image.
///
///   s^l = cos(readout(Z^l), c),   map_j = 1/L Σ_l  1/(h·N) Σ_{h,i} relu(∂s^l / ∂A^l_{h,i,j})
///
/// with c the image's embedding and readout the tower's own: the final norm, the token that is read (CLIP's end token,
/// SigLIP's last) and the projection, at that token's place in Z^l. Where a mask holds A at 0, as for the tokens
/// behind, it counts 0.
///
/// `ids` are integers [K, N], `images` [K, d], or [1, d] for all texts. Returns raw scores of tokens [K, N], >= 0, in
/// float32 (float64 for a float64 tower), on its device; special tokens and padding are among them. Throws as
/// `TextTower::gradients`.
///
/// Deviations: the paper explains images; this is its definition, read with the sides changed.
at::Tensor words_legrad(const TextTower& tower, const at::Tensor& ids, const at::Tensor& images,
                        const WordsLegradOptions& options = {});

}  // namespace legrad
