#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace legrad {

/// A few texts along which what a head says of different images varies most.
struct TextBasis {
  std::vector<int64_t> texts;  ///< rows of the texts that were given, the first chosen first
  std::vector<double> shares;  ///< of each, the share of the contributions' variance along it alone, 0 to 1
  double explained() const;    ///< the sum of the shares
};

/// TextSpan, algorithm 1 of Gandelsman et al. (ICLR 2024): the greedy basis of texts for `contributions` C [n, D], what
/// one head adds to the outputs of n images directly (`Decomposition::heads`), among `texts` R [m, D].
///
/// R is projected to the span of C's rows, and C is centred: its mean over images is no part of the variance. Then
/// `count` times: the text r whose products C r vary most is chosen, C ← C - C r̂ r̂ᵀ and R ← R - R r̂ r̂ᵀ with r̂ = r
/// / |r|. What is left of a text counts with its length, as in the authors' code, so of two in the same direction the
/// one that lies more in the span is chosen. A share is |C r̂|² of what was left of C, over |C|² at the start.
///
/// Computed in double on the CPU. The basis is shorter than `count` where nothing is left that a text could explain.
/// Throws `InputError` for shapes that do not fit, fewer than two images, a count below 1, and numbers that are not
/// finite (`Reason::kNotFinite`).
TextBasis greedy_text_basis(const at::Tensor& contributions, const at::Tensor& texts, int64_t count);

}  // namespace legrad
