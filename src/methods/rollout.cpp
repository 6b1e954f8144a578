#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/rollout.h>
#include <legrad/patch_map.h>

#include <algorithm>
#include <limits>
#include <map>

#include "methods/explained_attention.h"
#include "methods/row_times.h"

namespace legrad {
namespace {

class RolloutRun : public MethodRun, public BackwardWatcher {
 public:
  RolloutRun(std::shared_ptr<const Structure> structure, const RolloutOptions& options)
      : structure_(std::move(structure)),
        head_fusion_(options.head_fusion),
        discard_ratio_(options.discard_ratio),
        layers_(resolve_layers(options.layers, structure_->blocks, options.start_layer)) {
    expect_maps_of_their_own(*structure_, "rollout");
    if (!(discard_ratio_ >= 0 && discard_ratio_ < 1)) {
      throw InputError("discard_ratio " + std::to_string(discard_ratio_) + " is outside [0, 1)");
    }
  }

  BackwardWatcher* backward() override { return this; }

  BackwardNeed needs(int64_t block) const override {
    const bool pooler = block < 0;
    return pooler || std::binary_search(layers_.begin(), layers_.end(), block) ? BackwardNeed::kAttention
                                                                               : BackwardNeed::kNothing;
  }

  void on_attention(int64_t block, const Attention& attention) override {
    if (block < 0) {
      row_ = readout_row_of(*structure_, attention, [&](int64_t first, int64_t count) {
        return over_sums(fused_rows(attention, first, count));
      });
      return;
    }
    const auto rows = [&](int64_t first, int64_t count) {
      auto fused = fused_rows(attention, first, count);
      fused.diagonal(first, 1, 2).add_(1);
      return over_sums(fused);
    };
    if (!row_.defined()) {
      row_ = readout_row_of(*structure_, attention, rows);
    } else if (head_fusion_ == HeadFusion::kMean && discard_ratio_ == 0) {
      row_ = (row_ + row_times_mean_map(row_, attention)) / 2;  // the rows of a softmax add up to 1
    } else {
      row_ = row_times(row_, attention, rows);
    }
  }

  at::Tensor maps() const override { return in_maps_dtype(on_patch_grid(row_.unsqueeze(1), *structure_), *structure_); }

 private:
  // Rows [first, first + count) of fuse_h A_h [B, count, N] in double, the smallest entries of each row 0.
  at::Tensor fused_rows(const Attention& attention, int64_t first, int64_t count) const {
    auto rows = fused(attention.rows(first, count)).to(at::kDouble);
    const auto discarded = static_cast<int64_t>(discard_ratio_ * static_cast<double>(attention.tokens()));
    if (discarded > 0) {
      rows.scatter_(-1, std::get<1>(rows.topk(discarded, -1, /*largest=*/false, /*sorted=*/false)), 0.0);
    }
    return rows;
  }

  at::Tensor fused(const at::Tensor& rows) const {
    switch (head_fusion_) {
      case HeadFusion::kMax:
        return rows.amax(1);
      case HeadFusion::kMin:
        return rows.amin(1);
      case HeadFusion::kMean:
        break;
    }
    return rows.mean(1);
  }

  static at::Tensor over_sums(const at::Tensor& rows) {
    return rows / rows.sum(-1, /*keepdim=*/true).clamp_min(std::numeric_limits<double>::min());
  }

  std::shared_ptr<const Structure> structure_;
  HeadFusion head_fusion_;
  double discard_ratio_;
  std::vector<int64_t> layers_;
  at::Tensor row_;  // r [B, N]
};

}  // namespace

at::Tensor rollout(const Vit& vit, const at::Tensor& images, const Target& targets, const RolloutOptions& options) {
  return explain(vit, images, targets, {rollout_method(options)}).maps[0];
}

Method rollout_method(const RolloutOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<RolloutRun>(std::move(structure), options);
  };
}

MethodRow rollout_row() {
  const auto make = [](const OptionValues& values) -> Method {
    return [values](std::shared_ptr<const Structure> structure) {
      static const std::map<std::string, HeadFusion> kFusions = {
          {"mean", HeadFusion::kMean}, {"max", HeadFusion::kMax}, {"min", HeadFusion::kMin}};
      const RolloutOptions options{.layers = values.blocks("layers").of(structure->blocks),
                                   .start_layer = *values.block("start_layer"),
                                   .head_fusion = kFusions.at(values.name("head_fusion")),
                                   .discard_ratio = values.number("discard_ratio")};
      return std::make_unique<RolloutRun>(std::move(structure), options);
    };
  };
  return {.name = "rollout",
          .title = "Rollout",
          .source = "Abnar & Zuidema, ACL 2020",
          .explains = "the product of all attentions",
          .looks_at_target = false,
          .options = {{"layers", takes::Blocks{}, "all", "the blocks whose attentions are multiplied"},
                      {"start_layer", takes::Block{}, "0",
                       "the blocks before it are left out; scripts of the CheferCAM authors say 1"},
                      {"head_fusion", takes::OneOf{{"mean", "max", "min"}}, "mean", "how heads become one map"},
                      {"discard_ratio", takes::Number{0, 1, /*below=*/true}, "0",
                       "the share of each row's smallest attentions that counts as 0"}},
          .make = make};
}

}  // namespace legrad
