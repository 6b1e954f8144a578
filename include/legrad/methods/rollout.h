#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <vector>

namespace legrad {

/// How a block's heads become one map.
enum class HeadFusion { kMean, kMax, kMin };

struct RolloutOptions {
  std::vector<int64_t> layers = {};  ///< blocks from 0, negative ones from the end; empty: all
  int64_t start_layer = 0;           ///< blocks before it are left out; Chefer's scripts say 1
  HeadFusion head_fusion = HeadFusion::kMean;
  double discard_ratio = 0;  ///< share of each row's smallest entries that count as 0, in [0, 1)
};

/// Attention rollout (Abnar & Zuidema, ACL 2020).
///
///   Â^l = rows of (fuse_h A^l_h + I) over their sums,   map = the readout's row of Â^L ... Â^1, patch columns only
///
/// Computed in row form, last block first, in double: r ← r Â^l. r starts as the readout row's unit vector, where there
/// are several (GAP, class token and mean, distilled) as the mean of theirs, and with an attentional pooler as its
/// fused attention, each query's row over its sum and no I, as a pooler has no skip connection. Does not look at the
/// targets, which only say K: every target gets the same map, and without any K = 1.
/// Returns raw maps [B, K, rows, columns] in [0, 1] in float32 (float64 for a float64 model).
///
/// Deviations: `discard_ratio` drops entries row by row, where vit-explain drops the smallest of the whole N x N map
/// (and spares the class token's attention to itself); so no map has to be stored.
at::Tensor rollout(const Vit& vit, const at::Tensor& images, const Target& targets = {},
                   const RolloutOptions& options = {});

/// The method for `explain`.
Method rollout_method(const RolloutOptions& options = {});

/// "rollout", its options by name.
MethodRow rollout_row();

}  // namespace legrad
