#include <ATen/Functions.h>
#include <legrad/methods/raw_attention.h>
#include <legrad/patch_map.h>

#include "methods/explained_attention.h"
#include "methods/row_times.h"

namespace legrad {
namespace {

class RawAttentionRun : public MethodRun, public BackwardWatcher {
 public:
  RawAttentionRun(std::shared_ptr<const Structure> structure, const RawAttentionOptions& options)
      : structure_(std::move(structure)), explained_(explained_attention(*structure_, options.layer, "raw_attention")) {
    expect_maps_of_their_own(*structure_, "raw_attention");
  }

  BackwardWatcher* backward() override { return this; }

  BackwardNeed needs(int64_t block) const override {
    return block == explained_ ? BackwardNeed::kAttention : BackwardNeed::kNothing;
  }

  void on_attention(int64_t /*block*/, const Attention& attention) override {
    row_ = readout_row_of(*structure_, attention,
                          [&](int64_t first, int64_t count) { return attention.rows(first, count).mean(1); });
  }

  at::Tensor maps() const override { return in_maps_dtype(on_patch_grid(row_.unsqueeze(1), *structure_), *structure_); }

 private:
  std::shared_ptr<const Structure> structure_;
  int64_t explained_;
  at::Tensor row_;  // [B, N]
};

}  // namespace

at::Tensor raw_attention(const Vit& vit, const at::Tensor& images, const Target& targets,
                         const RawAttentionOptions& options) {
  return explain(vit, images, targets, {raw_attention_method(options)}).maps[0];
}

Method raw_attention_method(const RawAttentionOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<RawAttentionRun>(std::move(structure), options);
  };
}

MethodRow raw_attention_row() {
  return {.name = "raw_attention",
          .title = "Raw Attention",
          .source = "LeGrad's eq. 14, poolers §8.5",
          .explains = "the last attention, the mean of its heads",
          .looks_at_target = false,
          .options = {layer_option()},
          .make = [](const OptionValues& values) { return raw_attention_method({.layer = values.block("layer")}); }};
}

}  // namespace legrad
