#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/methods/attention_cam.h>
#include <legrad/patch_map.h>

#include "methods/explained_attention.h"
#include "methods/gradient_rules.h"
#include "methods/of_target.h"
#include "methods/row_times.h"

namespace legrad {
namespace {

class AttentionCamRun : public MethodRun, public BackwardWatcher {
 public:
  AttentionCamRun(std::shared_ptr<const Structure> structure, const AttentionCamOptions& options)
      : structure_(std::move(structure)),
        explained_(explained_attention(*structure_, options.layer, "attention_cam")) {}

  BackwardWatcher* backward() override { return this; }

  BackwardNeed needs(int64_t block) const override {
    return block == explained_ ? BackwardNeed::kContext : BackwardNeed::kNothing;
  }

  void on_block(const BackwardBlock& block) override {
    const auto& attention = *block.attention;
    const auto weights = mean_gradient(attention, block.context_gradient).unsqueeze(-1).unsqueeze(-1);  // [B, h, 1, 1]
    of_target(rows_, block.target) = readout_row_of(*structure_, attention, [&](int64_t first, int64_t count) {
      return (weights * attention.rows(first, count)).sum(1);
    });
  }

  at::Tensor maps() const override {
    return in_maps_dtype(on_patch_grid(at::stack(rows_, 1), *structure_), *structure_);
  }

 private:
  // mean_{i,j} ∂s/∂A_{h,i,j} [B, h]
  static at::Tensor mean_gradient(const Attention& attention, const at::Tensor& context_gradient) {
    const auto contexts = in_maps_dtype(context_gradient).sum(2);
    const auto values = in_maps_dtype(attention.value).sum(2);
    return (contexts * values).sum(-1) / static_cast<double>(attention.queries() * attention.tokens());
  }

  std::shared_ptr<const Structure> structure_;
  int64_t explained_;
  std::vector<at::Tensor> rows_;  // [K] of [B, N]
};

}  // namespace

at::Tensor attention_cam(const Vit& vit, const at::Tensor& images, const Target& targets,
                         const AttentionCamOptions& options) {
  return explain(vit, images, targets, {attention_cam_method(options)}).maps[0];
}

Method attention_cam_method(const AttentionCamOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<AttentionCamRun>(std::move(structure), options);
  };
}

MethodRow attention_cam_row() {
  const auto make = [](const OptionValues& values) {
    return by_rules(attention_cam_method({.layer = values.block("layer")}), rules_of(values));
  };
  return {.name = "attention_cam",
          .title = "AttentionCAM",
          .source = "Chefer et al., CVPR 2021, a baseline there; LeGrad's eq. 13, poolers §8.5",
          .explains = "the last attention, heads weighted by their mean gradient",
          .looks_at_target = true,
          .options = {layer_option(), rules_option()},
          .make = make};
}

}  // namespace legrad
