#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/vit.h>

#include <cstdint>
#include <vector>

namespace legrad {

/// A model's output as a sum of what its parts add to it directly. B images, L blocks, h heads, N tokens in the order
/// of the sequence, D numbers of an output; float32, and float64 for a float64 model, on the model's device.
///
///   output = Σ_l Σ_h heads + Σ_l mlps + rest,   heads = Σ_j tokens
struct Decomposition {
  at::Tensor output;  ///< y [B, D]
  at::Tensor heads;   ///< [B, L, h, D], what each head of each attention adds
  at::Tensor tokens;  ///< [B, l, h, N, D], the same by the token attended to, of the blocks asked for; else undefined
  at::Tensor mlps;    ///< [B, L, D], whatever else a block adds to the stream: as a rule its MLP
  at::Tensor rest;    ///< [B, D], the embedding Z^0, biases behind the heads, and what the readout adds by itself
};

/// The decomposition of Gandelsman, Efros, Steinhardt, "Interpreting CLIP's image representation via text-based
/// decomposition" (ICLR 2024), eq. 3 to 6. A part is read out along residual connections alone: by the model's readout,
/// in which the mean and spread of norms, and lengths that are divided by, are held at what they are for the image.
///
///   Z^L = Z^0 + Σ_l (Σ_h P_h O^l_h + bias) + Σ_l MLP^l,   y = J Z^L + c,   heads^l_h = J P_h O^l_h,
///   O^l_{h,i} = Σ_j A^l_{h,i,j} V^l_{h,j},   rest = J (Z^0 + Σ_l bias) + c
///
/// summed over the rows i that the readout looks at. The means that norms subtract belong to c, as biases do; the
/// authors' code spreads both evenly over all parts instead.
///
/// Costs a forward, and one of the first image alone, one gradient of the readout for each of the D numbers, and with
/// `token_layers` (negative ones from the end; they come in ascending order) B·l·h·N·D numbers. Throws `InputError`:
/// `Reason::kNoMeaning` for a model with an attentional pooler, for one whose blocks do not add their attention to the
/// stream as it is (masked, gated, normed first), and for a readout that is not linear once norms are held;
/// `Reason::kNoRule` for an operator of the readout without a rule; for a block that is not there; and as
/// `Vit::forward`.
Decomposition decompose(const Vit& vit, const at::Tensor& images, const std::vector<int64_t>& token_layers = {});

}  // namespace legrad
