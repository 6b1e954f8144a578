#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/methods/grad_eclip.h>
#include <legrad/patch_map.h>

#include "methods/explained_attention.h"
#include "methods/gradient_rules.h"
#include "methods/of_target.h"
#include "methods/row_times.h"
#include "model/unit_rows.h"

namespace legrad {
namespace {

class GradEclipRun : public MethodRun, public BackwardWatcher {
 public:
  GradEclipRun(std::shared_ptr<const Structure> structure, const GradEclipOptions& options)
      : structure_(std::move(structure)),
        explained_(explained_attention(*structure_, options.layer, "grad_eclip")),
        heads_(options.heads) {}

  BackwardWatcher* backward() override { return this; }

  BackwardNeed needs(int64_t block) const override {
    return block == explained_ ? BackwardNeed::kContext : BackwardNeed::kNothing;
  }

  void on_block(const BackwardBlock& block) override {
    const auto& attention = *block.attention;
    of_target(rows_, block.target) = readout_row_of(*structure_, attention, [&](int64_t first, int64_t count) {
      const auto gradient = attention.gradient_rows(block.context_gradient.narrow(2, first, count));
      return (loosened(attention, first, count) * gradient).sum(1);
    });
  }

  at::Tensor maps() const override {
    return in_maps_dtype(on_patch_grid(at::stack(rows_, 1).relu(), *structure_), *structure_);
  }

 private:
  // λ [B, h or 1, count, N]: cosines of queries and keys, the patches' from 0 to 1.
  at::Tensor loosened(const Attention& attention, int64_t first, int64_t count) const {
    auto query = in_maps_dtype(attention.query.narrow(2, first, count));
    auto key = in_maps_dtype(attention.key);
    if (heads_ == GradEclipHeads::kOne) {
      const auto joined = [](const at::Tensor& heads) { return heads.transpose(1, 2).flatten(2).unsqueeze(1); };
      query = joined(query);
      key = joined(key);
    }
    const auto cosines = model::unit_rows(query).matmul(model::unit_rows(key).transpose(-2, -1));
    const auto patches = select_patches(cosines, -1, *structure_);
    const auto least = patches.amin(-1, /*keepdim=*/true), most = patches.amax(-1, true);
    return ((cosines - least) / (most - least)).masked_fill(most == least, 0);
  }

  std::shared_ptr<const Structure> structure_;
  int64_t explained_;
  GradEclipHeads heads_;
  std::vector<at::Tensor> rows_;  // [K] of [B, N]
};

}  // namespace

at::Tensor grad_eclip(const Vit& vit, const at::Tensor& images, const Target& targets,
                      const GradEclipOptions& options) {
  return explain(vit, images, targets, {grad_eclip_method(options)}).maps[0];
}

Method grad_eclip_method(const GradEclipOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<GradEclipRun>(std::move(structure), options);
  };
}

MethodRow grad_eclip_row() {
  const auto make = [](const OptionValues& values) {
    const auto heads = values.name("heads") == "one" ? GradEclipHeads::kOne : GradEclipHeads::kModel;
    return by_rules(grad_eclip_method({.layer = values.block("layer"), .heads = heads}), rules_of(values));
  };
  return {.name = "grad_eclip",
          .title = "Grad-ECLIP",
          .source = "Zhao et al., ICML 2024",
          .explains = "the last attention's values times their gradient, weighed by how like queries and keys are",
          .looks_at_target = true,
          .options = {layer_option(),
                      {"heads", takes::OneOf{{"model", "one"}}, "model",
                       "whether queries and keys are compared head by head, or all heads' together"},
                      rules_option()},
          .make = make};
}

}  // namespace legrad
