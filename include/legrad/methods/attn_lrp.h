#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

namespace legrad {

/// What relevance passes an attention by.
enum class AttnLrpRules {
  kAttn,  ///< half to V, a quarter to Q and to K
  kCp,    ///< attention maps are constants: all of it to V
};

struct AttnLrpOptions {
  AttnLrpRules rules = AttnLrpRules::kAttn;
  double gamma = 0;          ///< >= 0, how much linear layers favour products of their output's own sign (LRP-γ)
  double gamma_patches = 0;  ///< >= 0, likewise of the patch embedding's convolution
};

/// AttnLRP (Achtibat et al., ICML 2024), as gradient times input with a changed backward pass.
///
///   map_j = Σ x ⊙ ∂̃s/∂x over the channels and pixels x of patch j
///
/// ∂̃ is the gradient with a norm's spread held constant, an activation f passing f(x)/x, and each side of a product of
/// two values getting half; softmax passes its own gradient. With `kCp` attention maps
/// are constants (Ali et al., ICML 2022), which the authors' library chooses for ViTs. s is the model's final score; an
/// output's length is held constant. Patches have to tile the image. Returns raw maps [B, K, rows, columns] of either
/// sign in float32 (float64 for a float64 model).
///
/// With γ a positive output z = W x + b passes back as if its weights were W + γ W⁺ on x⁺ and W + γ W⁻ on x⁻, a
/// negative one the other way round; what comes back is scaled so that the output's relevance is kept. The authors'
/// example for ViTs tries 0.1 and 0.25 for the patch embedding, 0 to 0.1 for linear layers.
///
/// Deviations: γ holds for all linear layers, those of queries, keys and values too, which the authors' example leaves
/// out. f(0)/0 counts as 0, where their code adds 1e-10 to every denominator.
at::Tensor attn_lrp(const Vit& vit, const at::Tensor& images, const Target& targets,
                    const AttnLrpOptions& options = {});

/// The method for `explain`.
Method attn_lrp_method(const AttnLrpOptions& options = {});

/// "attn_lrp", its options by name.
MethodRow attn_lrp_row();

}  // namespace legrad
