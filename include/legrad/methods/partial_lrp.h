#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <optional>

namespace legrad {

struct PartialLrpOptions {
  std::optional<int64_t> layer = {};  ///< block from 0, negative: from the end; default: the last. None with a pooler
};

/// Partial LRP (Voita et al., ACL 2019), in the form that Chefer et al., CVPR 2021, compare with.
///
///   map_j = mean_h relu(R_A,h,cls,j),   patches j only
///
/// R_A is the relevance of the last block's attention map, or of the pooler's in a model with one, by layer-wise
/// relevance propagation with the rules of the authors' layers_lrp: a linear layer's products of two positive and of
/// two negative numbers share the relevance each on their own, sums are passed in proportion. Where the readout looks
/// at several rows, "cls" is their uniform mean. Returns raw maps [B, K, rows, columns] >= 0 in float32 (float64 for a
/// float64 model).
///
/// Deviations: as `transformer_attribution`. A model in a half type is refused: load it in float32.
at::Tensor partial_lrp(const Vit& vit, const at::Tensor& images, const Target& targets,
                       const PartialLrpOptions& options = {});

/// The method for `explain`.
Method partial_lrp_method(const PartialLrpOptions& options = {});

/// "partial_lrp", its options by name.
MethodRow partial_lrp_row();

}  // namespace legrad
