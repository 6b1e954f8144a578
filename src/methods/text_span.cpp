#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/text_span.h>
#include <legrad/patch_map.h>
#include <legrad/rules.h>

#include <algorithm>
#include <map>

#include "methods/of_target.h"
#include "methods/row_times.h"

namespace legrad {
namespace {

constexpr int64_t kDirectPaths = 4;  // blocks

class TextSpanRun : public MethodRun, public RelevanceWatcher {
 public:
  TextSpanRun(std::shared_ptr<const Structure> structure, const TextSpanOptions& options)
      : structure_(std::move(structure)) {
    if (structure_->readout == ReadoutKind::kPooler) {
      throw InputError(
          "text_span follows what blocks add to the output directly, and in this model an attentional pooler stands "
          "between; choose another method",
          Reason::kNoMeaning);
    }
    layers_ = options.layers.empty()
                  ? resolve_layers({}, structure_->blocks, std::max<int64_t>(structure_->blocks - kDirectPaths, 0))
                  : resolve_layers(options.layers, structure_->blocks);
  }

  RelevanceWatcher* relevance() override { return this; }
  std::shared_ptr<const Rules> rules() const override { return direct_rules(); }
  std::shared_ptr<const Rules> readout_rules() const override { return held_norm_rules(); }
  bool watches(int64_t block) const override { return std::ranges::binary_search(layers_, block); }

  void on_block(const RelevanceBlock& block) override {
    const auto& attention = *block.attention;
    const auto mean = readout_row_of(*structure_, attention, [&](int64_t first, int64_t count) {
      const auto gradient = attention.gradient_rows(block.context_relevance.narrow(2, first, count));
      return (gradient * attention.rows(first, count)).sum(1);
    });
    const auto row = mean * static_cast<double>(structure_->readout_rows.size());
    auto& images = of_target(rows_, block.target);
    if (static_cast<int64_t>(images.size()) <= block.image) images.push_back(at::zeros_like(row));
    images[block.image] += row;
    const auto reach = block.context_relevance.abs().amax();
    const auto [at, is_new] = reached_.try_emplace(block.index, reach);
    if (!is_new) at->second = at::maximum(at->second, reach);
  }

  at::Tensor maps() const override {
    check_reached();
    std::vector<at::Tensor> targets;
    for (const auto& images : rows_) targets.push_back(at::cat(images));
    return in_maps_dtype(on_patch_grid(at::stack(targets, 1), *structure_), *structure_);
  }

 private:
  void check_reached() const {
    std::vector<at::Tensor> blocks;
    for (const auto& [block, reached] : reached_) blocks.push_back(reached);
    if (at::stack(blocks).gt(0).all().item<bool>()) return;
    throw InputError(
        "text_span follows what blocks add to the output directly, and in this model what an attention adds is gated "
        "or "
        "passes another layer first; choose another method",
        Reason::kNoMeaning);
  }

  std::shared_ptr<const Structure> structure_;
  std::vector<int64_t> layers_;
  std::vector<std::vector<at::Tensor>> rows_;  // [K][B] of [1, N]
  std::map<int64_t, at::Tensor> reached_;      // by block: more than 0 where its attention has a direct path
};

}  // namespace

at::Tensor text_span(const Vit& vit, const at::Tensor& images, const Target& targets, const TextSpanOptions& options) {
  return explain(vit, images, targets, {text_span_method(options)}).maps[0];
}

Method text_span_method(const TextSpanOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<TextSpanRun>(std::move(structure), options);
  };
}

MethodRow text_span_row() {
  const auto make = [](const OptionValues& values) -> Method {
    return [values](std::shared_ptr<const Structure> structure) {
      const TextSpanOptions options{.layers = values.blocks("layers").of(structure->blocks)};
      return std::make_unique<TextSpanRun>(std::move(structure), options);
    };
  };
  return {
      .name = "text_span",
      .title = "TextSpan",
      .source = "Gandelsman et al., ICLR 2024",
      .explains = "what tokens add to the output directly, through the heads of the last attentions",
      .looks_at_target = true,
      .options = {{"layers", takes::Blocks{}, "", "the blocks whose attentions are looked at; without, the last four"}},
      .make = make};
}

}  // namespace legrad
