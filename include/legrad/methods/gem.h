#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <optional>

namespace legrad {

struct GemOptions {
  std::optional<int64_t> start_layer = {};  ///< the first with the second path; default: the last six have it
  int64_t iterations = 1;                   ///< how often Q, K and V gather before values are weighed, >= 0
};

/// GEM, the grounding-everything module (Bousselham et al., CVPR 2024): a second path beside the model's own through
/// its last blocks, in which tokens that are alike gather.
///
///   p ← p / |p|,  p ← softmax(τ p pᵀ) p   `iterations` times, for p = Q, K and V, each head apart,
///   O = 1/3 Σ_p softmax(τ p̂ p̂ᵀ) V,   Ẑ^l = Ẑ^{l-1} + P(O),   map_j = readout(Ẑ^L_j) · c,   patches j only
///
/// with p̂ = p / |p|, P what turns a context into what its block adds to the stream, and τ = mean_i |x_i| / √e of the
/// tokens x that Q, K and V are projected from. Q, K and V are those of the model's own path, which is left as it is; Ẑ
/// starts as that path's tokens, and no MLP adds to it. Forward only. Returns raw maps [B, K, rows, columns] of either
/// sign in float32 (float64 for a float64 model).
///
/// It is made for embedding models, where the readout of a patch is compared with a text; for a classifier it gives
/// each patch's logit. Throws `InputError` (`Reason::kNoMeaning`) for a model with a pooler, a mask, or blocks that do
/// not add their attention to the stream as it is.
///
/// Deviations: none from the authors' code but its prompts ("a photo of a ...").
at::Tensor gem(const Vit& vit, const at::Tensor& images, const Target& targets, const GemOptions& options = {});

/// The method for `explain`.
Method gem_method(const GemOptions& options = {});

/// "gem", its options by name.
MethodRow gem_row();

}  // namespace legrad
