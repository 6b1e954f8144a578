#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <optional>

namespace legrad {

struct AttentionCamOptions {
  std::optional<int64_t> layer = {};  ///< block from 0, negative: from the end; default: the last. None with a pooler
};

/// AttentionCAM (Chefer, Gur, Wolf, CVPR 2021, a baseline there; as in LeGrad's eq. 13 and, for poolers, §8.5).
///
///   w_h = mean_{i,j} ∂s/∂A_{h,i,j},   map_j = Σ_h w_h A_{h,cls,j},   patches j only
///
/// s is the model's final score, A [h, M, N] the block's self-attention, or the pooler's attention in a model with one.
/// The mean needs no map: it is <Σ_i ∂s/∂O_{h,i}, Σ_j V_{h,j}> / (M·N). Where the readout looks at several rows (means
/// of tokens, distilled models, several pooler queries), "cls" is their uniform mean. Returns raw maps [B, K, rows,
/// columns], of either sign, in float32 (float64 for a float64 model).
///
/// Deviations: eq. 13 divides by n² where A has (n + 1)² entries; here it is their mean, a factor that min-max removes.
/// Chefer's `generate_cam_attn` averages the gradient over the class token's patch columns alone, and ends with a ReLU;
/// eq. 13 does neither.
at::Tensor attention_cam(const Vit& vit, const at::Tensor& images, const Target& targets,
                         const AttentionCamOptions& options = {});

/// The method for `explain`.
Method attention_cam_method(const AttentionCamOptions& options = {});

/// "attention_cam", its options by name.
MethodRow attention_cam_row();

}  // namespace legrad
