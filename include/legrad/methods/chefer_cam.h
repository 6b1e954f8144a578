#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <vector>

namespace legrad {

struct CheferCamOptions {
  Target targets = {};               ///< what to explain; required
  std::vector<int64_t> layers = {};  ///< blocks from 0, negative ones from the end; empty: all
};

/// CheferCAM, "generic attention-model explainability" (Chefer, Gur, Wolf, ICCV 2021; eq. 5, 6).
///
///   Ā^l = mean_h relu(∂s/∂A^l ⊙ A^l),   R ← R + Ā^l R,   map = the readout's row of R, patch columns only
///
/// s is the model's final score. Computed in row form, last block first, in double, the increment e kept apart from the
/// start r₀: e ← e + (r₀ + e) Ā^l. For one readout row r₀ is its unit vector; for several (GAP, class token and mean)
/// the mean of their unit vectors. For an attentional pooler r₀ = Ā_pool (a decoder layer without skip, §8.5) and the
/// map is r₀ + e. Returns raw maps [B, K, rows, columns] ≥ 0 in float32 (float64 for a float64 model).
at::Tensor chefer_cam(const Vit& vit, const at::Tensor& images, const CheferCamOptions& options);

}  // namespace legrad
