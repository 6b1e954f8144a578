#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <legrad/layers.h>
#include <legrad/method_row.h>
#include <legrad/patch_map.h>

#include <memory>
#include <utility>
#include <vector>

/// HiResCAM (Draelos & Carin, 2020) on the tokens of one block: map_j = relu(1/d Σ_c ∂s/∂Z_{j,c} Z_{j,c}), patches j
/// only.
class HiResCamRun : public legrad::MethodRun, public legrad::BackwardWatcher {
 public:
  HiResCamRun(std::shared_ptr<const legrad::Structure> structure, int64_t block)
      : structure_(std::move(structure)), block_(legrad::resolve_layers({block}, structure_->blocks)[0]) {}

  legrad::BackwardWatcher* backward() override { return this; }

  legrad::BackwardNeed needs(int64_t block) const override {
    return block == block_ ? legrad::BackwardNeed::kTokens : legrad::BackwardNeed::kNothing;
  }

  void on_block(const legrad::BackwardBlock& block) override {  // once for each target, in their order
    const auto product = legrad::in_maps_dtype(block.output) * legrad::in_maps_dtype(block.output_gradient);
    rows_.push_back(product.mean(-1).relu());
  }

  at::Tensor maps() const override { return legrad::on_patch_grid(at::stack(rows_, 1), *structure_); }

 private:
  std::shared_ptr<const legrad::Structure> structure_;
  int64_t block_;
  std::vector<at::Tensor> rows_;  // [K] of [B, N]
};

inline legrad::MethodRow hires_cam_row() {
  return {.name = "hires_cam",
          .title = "HiResCAM",
          .source = "Draelos & Carin, 2020",
          .explains = "one block's tokens times the final score's gradient at them",
          .looks_at_target = true,
          .options = {{"block", legrad::takes::Block{}, "-2", "the block whose tokens it looks at"}},
          .make = [](const legrad::OptionValues& values) -> legrad::Method {
            return [block = *values.block("block")](std::shared_ptr<const legrad::Structure> structure) {
              return std::make_unique<HiResCamRun>(std::move(structure), block);
            };
          }};
}
