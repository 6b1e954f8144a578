#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/legrad.h>
#include <legrad/patch_map.h>
#include <legrad/sweep.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "methods/for_each_chunk.h"
#include "methods/for_each_map.h"
#include "methods/gradient_rules.h"
#include "model/grad_scope.h"

namespace legrad {
namespace {

BlockScore block_score(const Structure& structure, Readout readout) {
  const bool pooler = structure.readout == ReadoutKind::kPooler;
  switch (readout) {
    case Readout::kModel:
      return BlockScore::kModel;
    case Readout::kTokenMean:
      if (pooler) {
        throw InputError(
            "the token mean has no meaning for a model with an attentional pooler; use the model's own readout");
      }
      return BlockScore::kTokenMean;
    case Readout::kPublished:
      return pooler ? BlockScore::kPublished : BlockScore::kTokenMean;
  }
  throw InputError("unknown readout");
}

void check_slope(bool relu, double slope) {
  if (!(slope >= 0 && slope <= 1)) {
    throw InputError("negative_slope " + std::to_string(slope) + " is outside [0, 1]");
  }
  if (!relu && slope != 0) {
    throw InputError(
        "legrad without relu keeps negative gradients as they are, so there is no negative_slope; give one of them");
  }
}

/// Watches the forward sweep and adds up relu(∂s^l/∂A^l).
class LegradRun : public MethodRun, public ForwardWatcher {
 public:
  LegradRun(std::shared_ptr<const Structure> structure, const LegradOptions& options)
      : structure_(std::move(structure)),
        options_(options),
        layers_(resolve_layers(options.layers, structure_->blocks)),
        score_(block_score(*structure_, options.readout)),
        maps_(layers_.size()),
        scores_(layers_.size()) {
    check_slope(options.relu, options.negative_slope);
    if (!options.layer_weights.empty() && options.layer_weights.size() != layers_.size()) {
      throw InputError(std::to_string(options.layer_weights.size()) + " layer weights for " +
                       std::to_string(layers_.size()) + " layers");
    }
    const auto& weights = options.layer_weights;
    if (!weights.empty() && std::accumulate(weights.begin(), weights.end(), 0.0) == 0) {
      throw InputError("the layer weights add up to 0, so there is no mean");
    }
  }

  ForwardWatcher* forward() override { return this; }
  std::shared_ptr<const Rules> gradient_rules() const override { return options_.rules; }
  at::Tensor maps() const override { return result().maps; }

  BlockScore wants(int64_t block) const override {
    return std::binary_search(layers_.begin(), layers_.end(), block) ? score_ : BlockScore::kNone;
  }

  void on_gradient(const ScoreGradient& gradient) override {
    const auto layer = std::lower_bound(layers_.begin(), layers_.end(), gradient.block) - layers_.begin();
    maps_[layer].push_back(sensitivity(gradient));
    scores_[layer].push_back(in_maps_dtype(gradient.scores));
  }

  LegradResult result() const {
    std::vector<at::Tensor> maps;
    std::vector<at::Tensor> scores;
    std::vector<at::Tensor> shares;
    std::vector<at::Tensor> positive;
    for (size_t layer = 0; layer < layers_.size(); ++layer) {
      const auto of_tokens = at::cat(maps_[layer]).transpose(0, 1);  // [B, K, N]
      maps.push_back(on_patch_grid(of_tokens, *structure_));
      scores.push_back(at::cat(scores_[layer]).transpose(0, 1));
      shares.push_back(prefix_share(of_tokens.relu(), maps.back().relu()));
      positive.push_back(of_tokens.relu().sum(-1));
    }
    LegradResult result{{}, at::stack(scores), at::stack(maps), at::stack(shares), at::stack(positive)};
    const auto all = result.gradient_share.sum(0);
    result.gradient_share = (result.gradient_share / all).masked_fill(all == 0, 0);
    result.maps = options_.layer_weights.empty() ? result.layer_maps.mean(0) : weighted_mean(result.layer_maps);
    return result;
  }

 private:
  // 1/(h·M) Σ_{h,i} relu(∂s/∂A_{h,i,j}), [T, B, N].
  at::Tensor sensitivity(const ScoreGradient& gradient) const {
    const auto& attention = *gradient.attention;
    const auto& context = gradient.context_gradient;
    const auto maps = static_cast<double>(attention.heads() * attention.queries());
    constexpr int64_t kManyRows = 32;
    if (!context.is_cpu() || context.size(3) < kManyRows) {
      return over_rows(attention, context, attention.rows_per_chunk()) / maps;
    }
    const auto targets = context.size(0);
    auto sums = at::empty({targets, attention.batch(), attention.heads(), attention.tokens()}, context.options());
    for_each_map(attention, [&](int64_t image, int64_t head) {
      const auto map = attention.of(image, head);
      const auto of_map = context.narrow(1, image, 1).narrow(2, head, 1);
      sums.select(1, image).select(1, head).copy_(over_rows(map, of_map, rows_in_cache(map)).squeeze(1));
    });
    return sums.sum(2) / maps;
  }

  // Σ_{h,i} relu(∂s/∂A_{h,i,j}), [T, B, N], so many rows at a time.
  at::Tensor over_rows(const Attention& attention, const at::Tensor& context, int64_t at_once) const {
    const int64_t step = std::max<int64_t>(1, at_once / context.size(0));
    at::Tensor sum;
    for_each_chunk(0, context.size(3), step, [&](int64_t first, int64_t count) {
      const auto added = rectified(attention.gradient_rows(context.narrow(3, first, count))).sum({2, 3});
      sum = sum.defined() ? sum + added : added;
    });
    return sum;
  }

  static at::Tensor prefix_share(const at::Tensor& of_tokens, const at::Tensor& of_patches) {
    const auto all = of_tokens.sum(-1);
    const auto share = 1 - of_patches.sum({-2, -1}) / all;
    return share.masked_fill(all == 0, 0).clamp(0, 1);
  }

  // In place.
  at::Tensor rectified(at::Tensor gradient) const {
    if (!options_.relu) return gradient;
    return options_.negative_slope == 0 ? at::relu_(gradient) : at::leaky_relu_(gradient, options_.negative_slope);
  }

  at::Tensor weighted_mean(const at::Tensor& layer_maps) const {
    const auto weights = at::tensor(options_.layer_weights, layer_maps.options());
    return (layer_maps * weights.reshape({-1, 1, 1, 1, 1})).sum(0) / weights.sum();
  }

  std::shared_ptr<const Structure> structure_;
  LegradOptions options_;
  std::vector<int64_t> layers_;
  BlockScore score_;
  std::vector<std::vector<at::Tensor>> maps_;    // of each layer, [T, B, N] of some targets after others
  std::vector<std::vector<at::Tensor>> scores_;  // likewise [T, B]
};

}  // namespace

LegradResult legrad_by_layer(const Vit& vit, const at::Tensor& images, const Target& targets,
                             const LegradOptions& options) {
  const model::GradScope scope(false);
  LegradRun run(vit.shared_structure(), options);
  (options.rules ? vit.by_rules(options.rules) : vit).sweep(images, targets, {&run});
  return run.result();
}

at::Tensor legrad(const Vit& vit, const at::Tensor& images, const Target& targets, const LegradOptions& options) {
  return legrad_by_layer(vit, images, targets, options).maps;
}

Method legrad_method(const LegradOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<LegradRun>(std::move(structure), options);
  };
}

LegradOptions legrad_options(const OptionValues& values, const Structure& structure) {
  static const std::map<std::string, Readout> kReadouts = {
      {"model", Readout::kModel}, {"token_mean", Readout::kTokenMean}, {"published", Readout::kPublished}};
  return {.readout = kReadouts.at(values.name("readout")),
          .layers = values.blocks("layers").of(structure.blocks),
          .relu = values.yes("relu"),
          .negative_slope = values.number("negative_slope"),
          .layer_weights = values.numbers("layer_weights"),
          .rules = rules_of(values)};
}

MethodRow legrad_row() {
  const auto make = [](const OptionValues& values) -> Method {
    check_slope(values.yes("relu"), values.number("negative_slope"));
    return [values](std::shared_ptr<const Structure> structure) {
      const auto options = legrad_options(values, *structure);
      return std::make_unique<LegradRun>(std::move(structure), options);
    };
  };
  return {.name = "legrad",
          .title = "LeGrad",
          .source = "Bousselham et al., arXiv 2404.03214, eq. 7 and 10; poolers §8.1",
          .explains = "the gradient of every block's own score at its attention",
          .looks_at_target = true,
          .options = {{"readout", takes::OneOf{{"model", "token_mean", "published"}}, "model",
                       "what turns a block's tokens into its score: the model's own readout, the same on the mean of "
                       "all tokens, or what the published code takes"},
                      {"layers", takes::Blocks{}, "all", "the blocks whose maps are averaged"},
                      {"relu", takes::YesNo{}, "yes", "no keeps negative gradients (Table 8)"},
                      {"negative_slope", takes::Number{0, 1}, "0",
                       "what negative gradients are multiplied by, a LeakyReLU's slope (Table 10)"},
                      {"layer_weights", takes::Numbers{}, "",
                       "a weight for each of the layers, first to last; without, all weigh the same"},
                      rules_option()},
          .make = make};
}

}  // namespace legrad
