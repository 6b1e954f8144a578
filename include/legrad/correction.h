#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <vector>

namespace legrad {

/// What a model sees when it is asked for nothing (LeGrad §8.6, eq. 15): SigLIP highlights parts of the background
/// whatever the prompt, by every method.
struct Correction {
  Target empty =
      {};  ///< the empty prompt, one target: the embedding of "a photo of" (the published code's: "a photo of a")
  double threshold = 0.8;  ///< what is more salient than this for the empty prompt is dropped; in [0, 1]
};

/// Raw maps [B, K, rows, columns] with 0 where the empty prompt's raw maps [B, 1, rows, columns], min-max normalised on
/// the patch grid, are above the threshold. Normalise afterwards.
at::Tensor corrected(const at::Tensor& maps, const at::Tensor& empty_maps, double threshold = 0.8);

/// `explain` with every method's maps corrected by its own map of the empty prompt, which is one more target of the
/// same sweeps. Throws `InputError` where `empty` is not one target, or the threshold lies outside [0, 1].
Explanation explain(const Vit& vit, const at::Tensor& images, const Target& target, const std::vector<Method>& methods,
                    const Correction& correction);

}  // namespace legrad
