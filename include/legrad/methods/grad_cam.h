#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <vector>

namespace legrad {

struct GradCamOptions {
  std::vector<int64_t> layers =
      {};                      ///< from 0, negative: from the end; empty: block round(2L/3) - 1, as the paper's 8 of 12
  bool include_prefix = true;  ///< whether the weights average over prefix tokens too (Table 6)
  bool multi_layer = false;    ///< the mean over several blocks' maps, all of them if `layers` is empty (Table 6)
};

/// GradCAM on tokens (Selvaraju et al., ICCV 2017; as in LeGrad's eq. 12).
///
///   w = mean_i ∂s/∂z_i^l [d],   map = relu(1/d Σ_c w_c Z^l_{j,c}),   patches j only
///
/// s is the model's final score, Z^l [N, d] the output of block l. It asks nothing of the readout, so that it is the
/// same for class tokens, means and poolers. Returns raw maps [B, K, rows, columns] >= 0 in float32 (float64 for a
/// float64 model).
///
/// Deviations: eq. 12 writes 1/n and sums n + 1 tokens; here it is their mean, a factor that min-max removes.
/// pytorch-grad-cam takes the mean of the gradient over patches alone (`include_prefix` = false) and sums over the
/// width; both it and torch-cam are usually put on a block's first norm, here it is the block's output as in the paper.
at::Tensor grad_cam(const Vit& vit, const at::Tensor& images, const Target& targets,
                    const GradCamOptions& options = {});

/// The method for `explain`.
Method grad_cam_method(const GradCamOptions& options = {});

/// "grad_cam", its options by name.
MethodRow grad_cam_row();

}  // namespace legrad
