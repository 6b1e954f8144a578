#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <optional>

namespace legrad {

/// What of queries and keys is compared.
enum class GradEclipHeads {
  kModel,  ///< each head's, apart
  kOne,    ///< all heads' together, as the authors do
};

struct GradEclipOptions {
  std::optional<int64_t> layer = {};  ///< block from 0, negative: from the end; default: the last. None with a pooler
  GradEclipHeads heads = GradEclipHeads::kModel;
};

/// Grad-ECLIP (Zhao et al., ICML 2024).
///
///   map_j = relu(Σ_h λ_{h,j} ⟨∂s/∂O_{h,cls}, V_{h,j}⟩),   patches j only
///
/// s is the model's final score, O the context of the last block's attention, or of the pooler's in a model with one.
/// λ_j is the cosine of the class token's query and the patch's key, min-max over the patches: the loosened attention.
/// Where the readout looks at several rows, the mean over them, before the relu. Returns raw maps [B, K, rows, columns]
/// >= 0 in float32 (float64 for a float64 model).
///
/// Deviations: the authors' code runs the last attention with a single head, which changes what the model says; here
/// the model is left as it is, and `heads` says alone what is compared.
at::Tensor grad_eclip(const Vit& vit, const at::Tensor& images, const Target& targets,
                      const GradEclipOptions& options = {});

/// The method for `explain`.
Method grad_eclip_method(const GradEclipOptions& options = {});

/// "grad_eclip", its options by name.
MethodRow grad_eclip_row();

}  // namespace legrad
