#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/layers.h>
#include <legrad/methods/transformer_attribution.h>
#include <legrad/patch_map.h>
#include <legrad/rules.h>

#include <algorithm>
#include <map>
#include <utility>

#include "methods/map_relevance.h"
#include "methods/of_target.h"
#include "methods/row_times.h"

namespace legrad {
namespace {

class TransformerAttributionRun : public MethodRun, public RelevanceWatcher, public BackwardWatcher {
 public:
  TransformerAttributionRun(std::shared_ptr<const Structure> structure, const TransformerAttributionOptions& options)
      : structure_(std::move(structure)),
        layers_(resolve_layers(options.layers, structure_->blocks, options.start_layer)) {
    expect_precision(*structure_, "transformer_attribution");
  }

  RelevanceWatcher* relevance() override { return this; }
  BackwardWatcher* backward() override { return this; }

  std::shared_ptr<const Rules> rules() const override { return lrp_ours_rules(); }
  bool watches(int64_t block) const override { return needs(block) != BackwardNeed::kNothing; }

  BackwardNeed needs(int64_t block) const override {
    const bool pooler = block < 0 && structure_->readout == ReadoutKind::kPooler;
    return pooler || std::ranges::binary_search(layers_, block) ? BackwardNeed::kContext : BackwardNeed::kNothing;
  }

  void on_block(const RelevanceBlock& block) override {
    shares_[{block.index, block.target}].push_back(context_share(block));
  }

  void on_block(const BackwardBlock& block) override {
    const auto& attention = *block.attention;
    const auto share = at::cat(shares_.at({block.index, block.target}));
    shares_.erase({block.index, block.target});
    const auto map = [&](int64_t first, int64_t count) {  // Ā
      const auto gradient = attention.gradient_rows(block.context_gradient.narrow(2, first, count));
      return (gradient * map_relevance(attention, share, first, count)).relu().mean(1);
    };
    auto& start = of_target(starts_, block.target);
    auto& increment = of_target(increments_, block.target);
    if (!start.defined()) {
      const auto read = readout_row(*structure_, attention);
      start = block.pooler() ? row_times(read, attention, map) : read;
      increment = at::zeros_like(start);
    }
    if (!block.pooler()) increment = increment + row_times(start + increment, attention, map);
  }

  at::Tensor maps() const override {
    std::vector<at::Tensor> rows;
    for (size_t k = 0; k < starts_.size(); ++k) {
      // Without a pooler the start only adds a constant to every patch, or nothing.
      rows.push_back(structure_->readout == ReadoutKind::kPooler ? starts_[k] + increments_[k] : increments_[k]);
    }
    return in_maps_dtype(on_patch_grid(at::stack(rows, 1), *structure_), *structure_);
  }

 private:
  std::shared_ptr<const Structure> structure_;
  std::vector<int64_t> layers_;
  std::map<std::pair<int64_t, int64_t>, std::vector<at::Tensor>> shares_;  // by block and target: R_O/O of each image
  std::vector<at::Tensor> starts_;                                         // [K] of r₀ [B, N]
  std::vector<at::Tensor> increments_;                                     // [K] of e [B, N]
};

}  // namespace

at::Tensor transformer_attribution(const Vit& vit, const at::Tensor& images, const Target& targets,
                                   const TransformerAttributionOptions& options) {
  return explain(vit, images, targets, {transformer_attribution_method(options)}).maps[0];
}

Method transformer_attribution_method(const TransformerAttributionOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<TransformerAttributionRun>(std::move(structure), options);
  };
}

MethodRow transformer_attribution_row() {
  const auto make = [](const OptionValues& values) -> Method {
    return [values](std::shared_ptr<const Structure> structure) {
      const TransformerAttributionOptions options{.layers = values.blocks("layers").of(structure->blocks),
                                                  .start_layer = *values.block("start_layer")};
      return std::make_unique<TransformerAttributionRun>(std::move(structure), options);
    };
  };
  return {.name = "transformer_attribution",
          .title = "Transformer Attribution",
          .source = "Chefer et al., CVPR 2021, eq. 13 and 14",
          .explains = "the product of all attentions' relevances times their gradients",
          .looks_at_target = true,
          .options = {{"layers", takes::Blocks{}, "all", "the blocks whose relevances are multiplied"},
                      {"start_layer", takes::Block{}, "0",
                       "the blocks before it are left out; the authors' scripts say 1"}},
          .make = make};
}

}  // namespace legrad
