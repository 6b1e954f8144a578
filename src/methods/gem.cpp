#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/gem.h>
#include <legrad/patch_map.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/unit_rows.h"

namespace legrad {
namespace {

constexpr int64_t kSecondPath = 6;  // blocks, as the authors' depth of 7

/// Watches the last blocks, and walks a second stream beside the model's own.
class GemRun : public MethodRun, public ForwardWatcher {
 public:
  GemRun(std::shared_ptr<const Structure> structure, const GemOptions& options)
      : structure_(std::move(structure)), iterations_(options.iterations) {
    if (iterations_ < 0) throw InputError("gem: iterations is at least 0");
    if (structure_->readout == ReadoutKind::kPooler || !structure_->attention_added) {
      throw InputError(
          "gem adds other attentions to the stream in place of the model's own, and in this model an attention is "
          "masked, gated, normed first or read by a pooler; choose another method",
          Reason::kNoMeaning);
    }
    first_ = options.start_layer ? resolve_layers({*options.start_layer}, structure_->blocks)[0]
                                 : std::max<int64_t>(structure_->blocks - kSecondPath, 0);
  }

  ForwardWatcher* forward() override { return this; }
  bool watches(int64_t block) const override { return block >= first_; }

  void on_block(const ForwardBlock& block) override {
    if (!stream_.defined()) stream_ = block.input;
    stream_ = stream_ + block.added(gathered(block.attention, sharpness(block)));
  }

  at::Tensor tokens() const override { return select_patches(stream_, 1, *structure_); }

  void on_scores(const at::Tensor& scores) override {
    scores_ = in_maps_dtype(scores).unflatten(-1, {structure_->image->grid.rows, structure_->image->grid.columns});
  }

  at::Tensor maps() const override { return scores_; }

 private:
  // τ [B, 1, 1, 1]
  static at::Tensor sharpness(const ForwardBlock& block) {
    const auto lengths = block.projected().norm(2, -1).mean(-1).reshape({-1, 1, 1, 1});
    return lengths / std::sqrt(static_cast<double>(block.attention.query.size(-1)));
  }

  // softmax(τ p pᵀ) values, without the map
  static at::Tensor among(const at::Tensor& parts, const at::Tensor& values, const at::Tensor& sharpness) {
    return at::scaled_dot_product_attention(parts * sharpness, parts, values, {}, /*dropout_p=*/0, /*is_causal=*/false,
                                            /*scale=*/1.0);
  }

  at::Tensor gathered(const Attention& attention, const at::Tensor& sharpness) const {
    at::Tensor sum;
    for (auto parts : {attention.query, attention.key, attention.value}) {
      for (int64_t i = 0; i < iterations_; ++i) {
        parts = model::unit_rows(parts);
        parts = among(parts, parts, sharpness);
      }
      const auto context = among(model::unit_rows(parts), attention.value, sharpness);
      sum = sum.defined() ? sum + context : context;
    }
    return sum / 3;
  }

  std::shared_ptr<const Structure> structure_;
  int64_t iterations_;
  int64_t first_;
  at::Tensor stream_;  // Ẑ [B, N, d]
  at::Tensor scores_;  // [B, K, rows, columns]
};

}  // namespace

at::Tensor gem(const Vit& vit, const at::Tensor& images, const Target& targets, const GemOptions& options) {
  return explain(vit, images, targets, {gem_method(options)}).maps[0];
}

Method gem_method(const GemOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<GemRun>(std::move(structure), options);
  };
}

MethodRow gem_row() {
  const auto make = [](const OptionValues& values) -> Method {
    const double iterations = values.number("iterations");
    if (iterations != std::floor(iterations)) throw InputError("gem: iterations is a whole number");
    return gem_method({.start_layer = values.block("start_layer"), .iterations = static_cast<int64_t>(iterations)});
  };
  return {.name = "gem",
          .title = "GEM",
          .source = "Bousselham et al., CVPR 2024",
          .explains = "patches read out like the output, after like tokens were gathered in the last blocks",
          .looks_at_target = true,
          .options = {{"start_layer", takes::Block{}, "",
                       "the first block with the second path; without, the last six have it"},
                      {"iterations", takes::Number{0, 100}, "1",
                       "how often queries, keys and values gather before values are weighed"}},
          .make = make};
}

}  // namespace legrad
