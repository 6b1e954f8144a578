#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <vector>

namespace legrad {

struct CheferCamOptions {
  std::vector<int64_t> layers = {};  ///< blocks from 0, negative ones from the end; empty: all
  int64_t start_layer = 0;           ///< blocks before it are left out; the authors' scripts say 1
  bool normalize = false;            ///< the pooler's rule with rows of R over their sums; for models with a pooler
};

/// CheferCAM, "generic attention-model explainability" (Chefer, Gur, Wolf, ICCV 2021; eq. 5, 6, and 8 to 10 for
/// poolers).
///
///   Ā^l = mean_h relu(∂s/∂A^l ⊙ A^l),   R ← R + Ā^l R,   map = the readout's row of R, patch columns only
///
/// s is the model's final score. Computed in row form, last block first, in double, the increment e kept apart from the
/// start r₀: e ← e + (r₀ + e) Ā^l. For one readout row r₀ is its unit vector; for several (GAP, class token and mean)
/// the mean of their unit vectors. For an attentional pooler r₀ = Ā_pool (a decoder layer without skip, §8.5), the mean
/// over its queries, and the map is r₀ + e. Returns raw maps [B, K, rows, columns] >= 0 in float32 (float64 for a
/// float64 model).
///
/// With `normalize` the pooler's rule is eq. 10 with eq. 8 and 9: map = Ā_pool (I + (R - I) over its row sums). The
/// sums S = (R - I) 1 come first: S ← S + Ā^l (1 + S), first block to last; then e starts with 0 beside r₀ = Ā_pool /
/// S. It keeps what every block's Ā is made of, vectors of tokens alone, until the sweep is over. A row of R - I that
/// is all zeros stays zeros (the authors' code makes the whole product 0 where it meets one).
///
/// Deviations: DETR's R_qq, the queries' own relevance, is I for a pooler and eq. 8 would divide its 0 by 0; it is left
/// out.
at::Tensor chefer_cam(const Vit& vit, const at::Tensor& images, const Target& targets,
                      const CheferCamOptions& options = {});

/// The method for `explain`.
Method chefer_cam_method(const CheferCamOptions& options = {});

/// "chefer_cam", its options by name.
MethodRow chefer_cam_row();

}  // namespace legrad
