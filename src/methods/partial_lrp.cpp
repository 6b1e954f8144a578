#include <legrad/methods/partial_lrp.h>
#include <legrad/patch_map.h>
#include <legrad/rules.h>

#include "methods/explained_attention.h"
#include "methods/map_relevance.h"
#include "methods/of_target.h"
#include "methods/row_times.h"

namespace legrad {
namespace {

class PartialLrpRun : public MethodRun, public RelevanceWatcher {
 public:
  PartialLrpRun(std::shared_ptr<const Structure> structure, const PartialLrpOptions& options)
      : structure_(std::move(structure)), explained_(explained_attention(*structure_, options.layer, "partial_lrp")) {
    expect_precision(*structure_, "partial_lrp");
  }

  RelevanceWatcher* relevance() override { return this; }
  std::shared_ptr<const Rules> rules() const override { return lrp_rules(); }
  bool watches(int64_t block) const override { return block == explained_; }

  void on_block(const RelevanceBlock& block) override {
    const auto share = context_share(block);
    of_target(rows_, block.target)
        .push_back(readout_row_of(*structure_, *block.attention, [&](int64_t first, int64_t count) {
          return map_relevance(*block.attention, share, first, count).relu().mean(1);
        }));
  }

  at::Tensor maps() const override {
    std::vector<at::Tensor> targets;
    for (const auto& images : rows_) targets.push_back(at::cat(images));
    return in_maps_dtype(on_patch_grid(at::stack(targets, 1), *structure_), *structure_);
  }

 private:
  std::shared_ptr<const Structure> structure_;
  int64_t explained_;
  std::vector<std::vector<at::Tensor>> rows_;  // [K][B] of [1, N]
};

}  // namespace

at::Tensor partial_lrp(const Vit& vit, const at::Tensor& images, const Target& targets,
                       const PartialLrpOptions& options) {
  return explain(vit, images, targets, {partial_lrp_method(options)}).maps[0];
}

Method partial_lrp_method(const PartialLrpOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<PartialLrpRun>(std::move(structure), options);
  };
}

MethodRow partial_lrp_row() {
  return {.name = "partial_lrp",
          .title = "Partial LRP",
          .source = "Voita et al., ACL 2019, as a baseline of Chefer et al., CVPR 2021",
          .explains = "the relevance of the last attention, the mean of its heads",
          .looks_at_target = true,
          .options = {layer_option()},
          .make = [](const OptionValues& values) { return partial_lrp_method({.layer = values.block("layer")}); }};
}

}  // namespace legrad
