#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/grad_cam.h>
#include <legrad/patch_map.h>

#include <algorithm>
#include <cmath>

#include "methods/gradient_rules.h"
#include "methods/of_target.h"

namespace legrad {
namespace {

std::vector<int64_t> chosen_layers(const GradCamOptions& options, int64_t blocks) {
  if (options.layers.empty() && !options.multi_layer) return {std::max<int64_t>(0, std::lround(2 * blocks / 3.0) - 1)};
  auto layers = resolve_layers(options.layers, blocks);
  if (layers.size() > 1 && !options.multi_layer) {
    throw InputError("grad_cam looks at one block, and " + std::to_string(layers.size()) +
                     " were given; give one, or set multi_layer for their mean");
  }
  return layers;
}

class GradCamRun : public MethodRun, public BackwardWatcher {
 public:
  GradCamRun(std::shared_ptr<const Structure> structure, const GradCamOptions& options)
      : structure_(std::move(structure)),
        include_prefix_(options.include_prefix),
        layers_(chosen_layers(options, structure_->blocks)) {}

  BackwardWatcher* backward() override { return this; }

  BackwardNeed needs(int64_t block) const override {
    return std::binary_search(layers_.begin(), layers_.end(), block) ? BackwardNeed::kTokens : BackwardNeed::kNothing;
  }

  void on_block(const BackwardBlock& block) override {
    const auto tokens = in_maps_dtype(block.output);
    const auto gradient = in_maps_dtype(block.output_gradient);
    const auto weights = (include_prefix_ ? gradient : patch_rows(gradient)).mean(1, /*keepdim=*/true);  // [B, 1, d]
    const auto map = (weights * patch_rows(tokens)).mean(-1).relu() / static_cast<double>(layers_.size());
    auto& sum = of_target(sums_, block.target);
    sum = sum.defined() ? sum + map : map;
  }

  at::Tensor maps() const override {
    return at::stack(sums_, 1).unflatten(-1, {structure_->image->grid.rows, structure_->image->grid.columns});
  }

 private:
  at::Tensor patch_rows(const at::Tensor& tokens) const { return select_patches(tokens, 1, *structure_); }

  std::shared_ptr<const Structure> structure_;
  bool include_prefix_;
  std::vector<int64_t> layers_;
  std::vector<at::Tensor> sums_;  // [K] of [B, n]
};

}  // namespace

at::Tensor grad_cam(const Vit& vit, const at::Tensor& images, const Target& targets, const GradCamOptions& options) {
  return explain(vit, images, targets, {grad_cam_method(options)}).maps[0];
}

Method grad_cam_method(const GradCamOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<GradCamRun>(std::move(structure), options);
  };
}

MethodRow grad_cam_row() {
  const auto make = [](const OptionValues& values) -> Method {
    const auto method = [values](std::shared_ptr<const Structure> structure) {
      const GradCamOptions options{.layers = values.blocks("layers").of(structure->blocks),
                                   .include_prefix = values.yes("include_prefix"),
                                   .multi_layer = values.yes("multi_layer")};
      return std::make_unique<GradCamRun>(std::move(structure), options);
    };
    return by_rules(method, rules_of(values));
  };
  return {.name = "grad_cam",
          .title = "GradCAM",
          .source = "Selvaraju et al., ICCV 2017; on tokens LeGrad's eq. 12",
          .explains = "one block's tokens, weighted by the final score's mean gradient",
          .looks_at_target = true,
          .options = {{"layers", takes::Blocks{}, "",
                       "the block whose tokens it looks at; without, block round(2L/3) - 1 of L, or with multi_layer "
                       "all"},
                      {"include_prefix", takes::YesNo{}, "yes",
                       "no takes the weights from patch tokens alone, without class token and registers (Table 6)"},
                      {"multi_layer", takes::YesNo{}, "no", "yes takes the mean over several layers' maps (Table 6)"},
                      rules_option()},
          .make = make};
}

}  // namespace legrad
