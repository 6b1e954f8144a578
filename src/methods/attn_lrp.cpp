#include <ATen/Functions.h>
#include <legrad/error.h>
#include <legrad/methods/attn_lrp.h>
#include <legrad/patch_map.h>
#include <legrad/rules.h>

#include "methods/of_target.h"

namespace legrad {
namespace {

std::shared_ptr<const Rules> table(const AttnLrpOptions& options) {
  if (!(options.gamma >= 0 && options.gamma_patches >= 0)) throw InputError("attn_lrp: a gamma is at least 0");
  const auto rules = options.rules == AttnLrpRules::kCp ? cp_lrp_rules : attn_lrp_rules;
  return rules(options.gamma, options.gamma_patches);
}

class AttnLrpRun : public MethodRun, public RelevanceWatcher {
 public:
  AttnLrpRun(std::shared_ptr<const Structure> structure, const AttnLrpOptions& options)
      : structure_(std::move(structure)), rules_(table(options)) {
    const auto& [size, grid] = std::pair(structure_->image->size, structure_->image->grid);
    if (size.height % grid.rows != 0 || size.width % grid.columns != 0) {
      throw InputError(
          "attn_lrp sums relevance over each patch's pixels, and this model's patches do not tile its images; choose "
          "another method",
          Reason::kNoMeaning);
    }
  }

  RelevanceWatcher* relevance() override { return this; }
  std::shared_ptr<const Rules> rules() const override { return rules_; }
  bool watches(int64_t /*block*/) const override { return false; }
  bool watches_images() const override { return true; }

  void on_images(int64_t /*image*/, int64_t target, const at::Tensor& pixels) override {
    const auto& grid = structure_->image->grid;
    const auto cells = in_maps_dtype(pixels).sum(1).unflatten(2, {grid.columns, -1}).unflatten(1, {grid.rows, -1});
    of_target(maps_, target).push_back(cells.sum({2, 4}));
  }

  at::Tensor maps() const override {
    std::vector<at::Tensor> targets;
    for (const auto& images : maps_) targets.push_back(at::cat(images));
    return at::stack(targets, 1);
  }

 private:
  std::shared_ptr<const Structure> structure_;
  std::shared_ptr<const Rules> rules_;
  std::vector<std::vector<at::Tensor>> maps_;  // [K][B] of [1, rows, columns]
};

}  // namespace

at::Tensor attn_lrp(const Vit& vit, const at::Tensor& images, const Target& targets, const AttnLrpOptions& options) {
  return explain(vit, images, targets, {attn_lrp_method(options)}).maps[0];
}

Method attn_lrp_method(const AttnLrpOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<AttnLrpRun>(std::move(structure), options);
  };
}

MethodRow attn_lrp_row() {
  const auto make = [](const OptionValues& values) {
    return attn_lrp_method({.rules = values.name("rules") == "cp" ? AttnLrpRules::kCp : AttnLrpRules::kAttn,
                            .gamma = values.number("gamma"),
                            .gamma_patches = values.number("gamma_patches")});
  };
  return {.name = "attn_lrp",
          .title = "AttnLRP",
          .source = "Achtibat et al., ICML 2024; cp: Ali et al., ICML 2022",
          .explains = "the relevance of each patch's pixels",
          .looks_at_target = true,
          .options = {{"rules", takes::OneOf{{"attn", "cp"}}, "attn",
                       "cp takes attention maps for constants, so that relevance passes through values alone"},
                      {"gamma", takes::Number{0, 1000}, "0",
                       "how much linear layers favour products of their output's own sign"},
                      {"gamma_patches", takes::Number{0, 1000}, "0", "likewise of the patch embedding's convolution"}},
          .make = make};
}

}  // namespace legrad
