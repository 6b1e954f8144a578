#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/chefer_cam.h>
#include <legrad/patch_map.h>

#include <algorithm>
#include <utility>

#include "methods/for_each_chunk.h"
#include "methods/gradient_rules.h"
#include "methods/row_times.h"

namespace legrad {
namespace {

/// Ā = mean_h relu(∂s/∂A ⊙ A) of one block and target, a few rows at a time.
struct Relevance {
  Attention attention;
  at::Tensor context_gradient;  // ∂s/∂O [B, h, M, e]

  // Rows [first, first + count), [B, count, N].
  at::Tensor rows(int64_t first, int64_t count) const {
    const auto gradient = attention.gradient_rows(context_gradient.narrow(2, first, count));
    return (gradient * attention.rows(first, count)).relu().mean(1);
  }

  // row · Ā, [B, M] -> [B, N]
  at::Tensor row_times_this(const at::Tensor& row) const {
    return row_times(row, attention, [this](int64_t first, int64_t count) { return rows(first, count); });
  }

  // Ā · column, [B, N] -> [B, M]
  at::Tensor times(const at::Tensor& column) const {
    std::vector<at::Tensor> parts;
    for_each_chunk(0, attention.queries(), attention.rows_per_chunk(), [&](int64_t first, int64_t count) {
      parts.push_back(rows(first, count).to(at::kDouble).matmul(column.unsqueeze(-1)).squeeze(-1));
    });
    return at::cat(parts, 1);
  }
};

/// One row of R for one target.
struct Row {
  at::Tensor start;      // r₀ [B, N]
  at::Tensor increment;  // e [B, N]

  void step(const Relevance& relevance) { increment = increment + relevance.row_times_this(start + increment); }
};

class CheferCamRun : public MethodRun, public BackwardWatcher {
 public:
  CheferCamRun(std::shared_ptr<const Structure> structure, const CheferCamOptions& options)
      : structure_(std::move(structure)),
        pooler_(structure_->readout == ReadoutKind::kPooler),
        normalize_(options.normalize),
        layers_(resolve_layers(options.layers, structure_->blocks, options.start_layer)) {
    if (normalize_ && !pooler_) {
      throw InputError(
          "chefer_cam: normalize is a form of the attentional pooler's rule, and this model has no pooler");
    }
  }

  BackwardWatcher* backward() override { return this; }

  BackwardNeed needs(int64_t block) const override {
    const bool pooler = block < 0;
    return pooler || std::binary_search(layers_.begin(), layers_.end(), block) ? BackwardNeed::kContext
                                                                               : BackwardNeed::kNothing;
  }

  void on_block(const BackwardBlock& block) override {
    if (static_cast<int64_t>(rows_.size()) <= block.target) {
      rows_.resize(block.target + 1);
      kept_.resize(block.target + 1);
    }
    const Relevance relevance{*block.attention, block.context_gradient};
    auto& row = rows_[block.target];
    if (!row.start.defined()) {
      const auto read = readout_row(*structure_, relevance.attention);
      row.start = block.pooler() ? relevance.row_times_this(read) : read;
      row.increment = at::zeros_like(row.start);
    }
    if (block.pooler()) return;
    if (normalize_) {
      kept_[block.target].push_back(relevance);
    } else {
      row.step(relevance);
    }
  }

  at::Tensor maps() const override {
    std::vector<at::Tensor> rows;
    for (size_t k = 0; k < rows_.size(); ++k) {
      // Without a pooler the start only adds a constant to every patch, or nothing.
      const auto increment = normalize_ ? normalized_increment(rows_[k].start, kept_[k]) : rows_[k].increment;
      rows.push_back(pooler_ ? rows_[k].start + increment : increment);
    }
    return in_maps_dtype(on_patch_grid(at::stack(rows, 1), *structure_), *structure_);
  }

 private:
  // (r₀ / S) (R - I) with S the row sums of R - I; relevances from the last block to the first.
  static at::Tensor normalized_increment(const at::Tensor& start, const std::vector<Relevance>& relevances) {
    auto sums = at::zeros_like(start);
    for (auto relevance = relevances.rbegin(); relevance != relevances.rend(); ++relevance) {
      sums = sums + relevance->times(1 + sums);
    }
    Row row{(start / sums).masked_fill(sums == 0, 0), at::zeros_like(start)};
    for (const auto& relevance : relevances) row.step(relevance);
    return row.increment;
  }

  std::shared_ptr<const Structure> structure_;
  bool pooler_;
  bool normalize_;
  std::vector<int64_t> layers_;
  std::vector<Row> rows_;                     // [K]
  std::vector<std::vector<Relevance>> kept_;  // [K] of the blocks passed, for `normalize`
};

}  // namespace

at::Tensor chefer_cam(const Vit& vit, const at::Tensor& images, const Target& targets,
                      const CheferCamOptions& options) {
  return explain(vit, images, targets, {chefer_cam_method(options)}).maps[0];
}

Method chefer_cam_method(const CheferCamOptions& options) {
  return [options](std::shared_ptr<const Structure> structure) {
    return std::make_unique<CheferCamRun>(std::move(structure), options);
  };
}

MethodRow chefer_cam_row() {
  const auto make = [](const OptionValues& values) -> Method {
    const auto method = [values](std::shared_ptr<const Structure> structure) {
      const CheferCamOptions options{.layers = values.blocks("layers").of(structure->blocks),
                                     .start_layer = *values.block("start_layer"),
                                     .normalize = values.yes("normalize")};
      return std::make_unique<CheferCamRun>(std::move(structure), options);
    };
    return by_rules(method, rules_of(values));
  };
  return {
      .name = "chefer_cam",
      .title = "CheferCAM",
      .source = "Chefer et al., ICCV 2021, eq. 5 and 6; poolers eq. 8 to 10 and LeGrad's §8.5",
      .explains = "the product of all attentions times their gradients",
      .looks_at_target = true,
      .options = {{"layers", takes::Blocks{}, "all", "the blocks whose relevances are multiplied"},
                  {"start_layer", takes::Block{}, "0", "the blocks before it are left out; the authors' scripts say 1"},
                  {"normalize", takes::YesNo{}, "no",
                   "yes divides the rows of the blocks' product by their sums before a pooler reads it; only for "
                   "models with a pooler"},
                  rules_option()},
      .make = make};
}

}  // namespace legrad
