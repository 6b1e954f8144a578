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
/// Deviations: linear layers and the patch embedding have the plain rule (LRP-0); the authors' example for ViTs takes a
/// γ rule there. f(0)/0 counts as 0, where their code adds 1e-10 to every denominator.
at::Tensor attn_lrp(const Vit& vit, const at::Tensor& images, const Target& targets,
                    const AttnLrpOptions& options = {});

/// The method for `explain`.
Method attn_lrp_method(const AttnLrpOptions& options = {});

/// "attn_lrp", its options by name.
MethodRow attn_lrp_row();

}  // namespace legrad
