#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/chefer_cam.h>
#include <legrad/sweep.h>

#include <algorithm>

#include "methods/patch_map.h"

namespace legrad {
namespace {

/// Watches the backward sweep and carries one row of R from the last block to the first: e ← e + (r₀ + e) Ā.
class CheferCamWatcher : public BackwardWatcher {
 public:
  CheferCamWatcher(const Structure& structure, const CheferCamOptions& options)
      : structure_(structure), layers_(resolve_layers(options.layers, structure.blocks)) {
    if (options.targets.empty()) throw InputError("no target was given; set CheferCamOptions::targets");
  }

  void on_block(const BackwardBlock& block) override {
    if (block.pooler()) {
      // A decoder layer without skip: r₀ = Ā_pool, the mean over its queries.
      const auto& attention = *block.attention;
      const auto uniform =
          at::full({attention.batch(), attention.queries()}, 1.0 / static_cast<double>(attention.queries()),
                   block.output.options().dtype(at::kDouble));
      start(block) = times_relevance(uniform, block);
      return;
    }
    auto& increment = at_target(increments_, block);
    auto& from = start(block);
    if (!from.defined()) from = readout_start(block.output);
    if (!increment.defined()) increment = at::zeros_like(from);
    if (!std::binary_search(layers_.begin(), layers_.end(), block.index)) return;
    increment = increment + times_relevance(from + increment, block);
  }

  at::Tensor maps() const {
    std::vector<at::Tensor> rows;
    const bool pooler = structure_.readout == ReadoutKind::kPooler;
    for (size_t k = 0; k < increments_.size(); ++k) {
      // Without a pooler the start only adds a constant to every patch, or nothing.
      rows.push_back(pooler ? starts_[k] + increments_[k] : increments_[k]);
    }
    const auto dtype = structure_.dtype == at::kDouble ? at::kDouble : at::kFloat;
    return on_patch_grid(at::stack(rows, 1), structure_).to(dtype);
  }

 private:
  static at::Tensor& at_target(std::vector<at::Tensor>& all, const BackwardBlock& block) {
    if (static_cast<int64_t>(all.size()) <= block.target) all.resize(block.target + 1);
    return all[block.target];
  }
  at::Tensor& start(const BackwardBlock& block) { return at_target(starts_, block); }

  // The mean of the readout rows' unit vectors, [B, N].
  at::Tensor readout_start(const at::Tensor& tokens) const {
    const auto& rows = structure_.readout_rows;
    auto start = at::zeros({tokens.size(0), tokens.size(1)}, tokens.options().dtype(at::kDouble));
    for (const int64_t row : rows) start.select(1, row).fill_(1.0 / static_cast<double>(rows.size()));
    return start;
  }

  // row · Ā with Ā = mean_h relu(∂s/∂A ⊙ A), [B, M] -> [B, N], in chunks of Ā's rows.
  static at::Tensor times_relevance(const at::Tensor& row, const BackwardBlock& block) {
    const auto& attention = *block.attention;
    const int64_t step = attention.rows_per_chunk();
    auto product = at::zeros({attention.batch(), attention.tokens()}, row.options());
    for (int64_t first = 0; first < attention.queries(); first += step) {
      const int64_t count = std::min(step, attention.queries() - first);
      const auto gradient = attention.gradient_rows(block.context_gradient.narrow(2, first, count));
      const auto relevance = (gradient * attention.rows(first, count)).relu().mean(1).to(at::kDouble);  // [B, count, N]
      product += row.narrow(1, first, count).unsqueeze(1).matmul(relevance).squeeze(1);
    }
    return product;
  }

  const Structure& structure_;
  std::vector<int64_t> layers_;
  std::vector<at::Tensor> starts_;      // [K] of r₀ [B, N]
  std::vector<at::Tensor> increments_;  // [K] of e [B, N]
};

}  // namespace

at::Tensor chefer_cam(const Vit& vit, const at::Tensor& images, const CheferCamOptions& options) {
  CheferCamWatcher watcher(vit.structure(), options);
  vit.sweep(images, options.targets, {}, {&watcher});
  return watcher.maps();
}

}  // namespace legrad
