#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <vector>

namespace legrad {

struct TransformerAttributionOptions {
  std::vector<int64_t> layers = {};  ///< blocks from 0, negative ones from the end; empty: all
  int64_t start_layer = 0;           ///< blocks before it are left out; the authors' scripts say 1
};

/// Transformer Attribution, "interpretability beyond attention visualization" (Chefer, Gur, Wolf, CVPR 2021; eq. 13 and
/// 14).
///
///   Ā^l = mean_h relu(∂s/∂A^l ⊙ R_A^l),   map = the readout's row of Π_l (I + Ā^l), patch columns only
///
/// s is the model's final score. R_A^l is the relevance of block l's attention map by layer-wise relevance propagation,
/// which starts with 1 at the class, and at each entry of an embedding with its share of the similarity. The rules are
/// those of the authors' layers_ours: of a linear layer the products that make its output larger, half of a product's
/// relevance to each of A and V, sums rescaled to their shares of |relevance|, norms and activations handed through.
/// Computed in row form, last block first, in double, as `chefer_cam`. For several readout rows the uniform mean of
/// theirs; for an attentional pooler its own Ā first, as a decoder layer without skip. Returns raw maps [B, K, rows,
/// columns] >= 0 in float32 (float64 for a float64 model).
///
/// Deviations: a division by 0 gives 0, where the authors' code adds 1e-9 to every denominator; sums are taken over one
/// image and one target. A model that gates values by values (SwiGLU) is refused by name: the paper has no rule. A
/// model in a half type is refused: load it in float32.
at::Tensor transformer_attribution(const Vit& vit, const at::Tensor& images, const Target& targets,
                                   const TransformerAttributionOptions& options = {});

/// The method for `explain`.
Method transformer_attribution_method(const TransformerAttributionOptions& options = {});

/// "transformer_attribution", its options by name.
MethodRow transformer_attribution_row();

}  // namespace legrad
