#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <vector>

namespace legrad {

struct TextSpanOptions {
  std::vector<int64_t> layers = {};  ///< blocks from 0, negative ones from the end; empty: the last four
};

/// The token decomposition of TextSpan (Gandelsman, Efros, Steinhardt, ICLR 2024).
///
///   map_j = Σ_l Σ_h A_{h,cls,j} ⟨dO_h, V_{h,j}⟩,   patches j only
///
/// the direct contribution of each token j, by way of the heads h of the last blocks' attentions, to the score. dO is
/// the score's gradient at the attention's context along the direct path: residual connections alone, so through no
/// later layer, and through the final norm with its mean and spread held as they are; likewise an output's length.
/// Where the readout looks at several rows, the sum over them. Returns raw maps [B, K, rows, columns] of either sign in
/// float32 (float64 for a float64 model). Refused by name for a model with an attentional pooler, behind which tokens
/// do not reach the output directly.
at::Tensor text_span(const Vit& vit, const at::Tensor& images, const Target& targets,
                     const TextSpanOptions& options = {});

/// The method for `explain`.
Method text_span_method(const TextSpanOptions& options = {});

/// "text_span", its options by name.
MethodRow text_span_row();

}  // namespace legrad
