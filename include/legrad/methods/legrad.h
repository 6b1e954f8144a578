#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explain.h>
#include <legrad/method_row.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstdint>
#include <vector>

namespace legrad {

/// Which readout turns a block's tokens into its score.
enum class Readout {
  kModel,      ///< the model's own: f(Z^l), as the paper defines it
  kTokenMean,  ///< the model's own on the mean of all tokens
  /// As in the published code: the token mean (CLIP); for attentional poolers the model's own without the final norm,
  /// before the pooler (SigLIP) or behind it (CoCa, whose targets are compared by dot product).
  kPublished,
};

struct LegradOptions {
  Readout readout = Readout::kModel;
  std::vector<int64_t> layers = {};        ///< blocks from 0, negative ones from the end; empty: all
  bool relu = true;                        ///< false: keep negative gradients (Table 8)
  double negative_slope = 0;               ///< slope of a LeakyReLU in place of the ReLU (Table 10), in [0, 1]
  std::vector<double> layer_weights = {};  ///< one for each layer chosen, first to last; empty: the plain mean
  std::shared_ptr<const Rules> rules =
      {};  ///< by which gradients pass the model, as `libra_rules()`; empty: as they are
};

/// What LeGrad knows of every layer.
struct LegradResult {
  at::Tensor maps;          ///< [B, K, rows, columns]
  at::Tensor layer_scores;  ///< s^l [L, B, K], the proto-decision scores of the layers chosen
  at::Tensor layer_maps;    ///< [L, B, K, rows, columns], whose (weighted) mean is `maps`
  /// [L, B, K] in [0, 1], the share of the positive gradient on tokens that are no patches (§7.2)
  at::Tensor prefix_share;
  /// [L, B, K] in [0, 1], each layer's share of the positive gradient on all tokens (§10); zeros where there is none
  at::Tensor gradient_share;
};

/// LeGrad (Bousselham et al., arXiv 2404.03214; eq. 7, 10 and, for attentional poolers, §8.1).
///
///   s^l = readout(Z^l) · c,   map = 1/L Σ_l  1/(h·M) Σ_{h,i} relu(∂s^l / ∂A^l_{h,i,·}),   patch columns only
///
/// with A^l the block's self-attention, or the pooler's attention to Z^l. Images [B, 3, H, W], preprocessed. Returns
/// raw maps [B, K, rows, columns] in float32 (float64 for a float64 model), ≥ 0 with the ReLU on.
///
/// Deviations: the published code uses the last two layers by default and the token mean for CLIP; here all layers and
/// the model's own readout are the default as in the paper, and `Readout` chooses.
at::Tensor legrad(const Vit& vit, const at::Tensor& images, const Target& targets, const LegradOptions& options = {});

/// The same, with what each layer gave.
LegradResult legrad_by_layer(const Vit& vit, const at::Tensor& images, const Target& targets,
                             const LegradOptions& options = {});

/// The method for `explain`.
Method legrad_method(const LegradOptions& options = {});

/// Options that were given by name, for a model; for `legrad_by_layer`.
LegradOptions legrad_options(const OptionValues& values, const Structure& structure);

/// "legrad", its options by name.
MethodRow legrad_row();

}  // namespace legrad
