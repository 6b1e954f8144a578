#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/decomposition.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/patch_map.h>
#include <legrad/rules.h>
#include <legrad/sweep.h>
#include <legrad/target.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "model/difference.h"
#include "model/grad_scope.h"
#include "model/rows.h"

namespace legrad {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw InputError("the output is no sum of what heads add to it directly: in this model " + why, Reason::kNoMeaning);
}

/// J [B, R, d] of an output after another: the gradient of each at the rows of Z^L that are read.
class ReadoutWatcher : public BackwardWatcher {
 public:
  explicit ReadoutWatcher(const Structure& structure) : structure_(structure) {}

  BackwardNeed needs(int64_t block) const override {
    return block == structure_.blocks - 1 ? BackwardNeed::kTokens : BackwardNeed::kNothing;
  }
  void on_block(const BackwardBlock& block) override {
    on_output(block.target, in_maps_dtype(model::select_rows(block.output_gradient, 1, structure_.readout_rows)));
  }

 protected:
  virtual void on_output(int64_t output, const at::Tensor& weights) = 0;
  const Structure& structure_;
};

/// Keeps the J of one combination of outputs.
class OneReadout : public ReadoutWatcher {
 public:
  using ReadoutWatcher::ReadoutWatcher;
  at::Tensor weights;

 private:
  void on_output(int64_t /*output*/, const at::Tensor& given) override { weights = given; }
};

/// What a context adds to the stream: P_h [h, e, d] of each head, and a constant [1, N, d] beside.
struct Projection {
  at::Tensor weight, bias;
};

Projection projection_of(const ForwardBlock& block, const at::Tensor& context) {
  const int64_t batch = context.size(0), heads = context.size(1), rows = context.size(2), width = context.size(3);
  const int64_t units = heads * width, at_once = batch * rows, passes = (units + at_once - 1) / at_once;
  // P takes row by row, so every row of a context can be a unit of its own.
  const auto unit_rows = at::constant_pad_nd(at::eye(units, context.options()), {0, 0, 0, passes * at_once - units});
  const auto contexts = unit_rows.view({-1, rows, heads, width}).transpose(1, 2).contiguous();
  const auto bias = in_maps_dtype(block.added(at::zeros_like(context)).narrow(0, 0, 1));
  std::vector<at::Tensor> added;
  for (const auto& some : contexts.split(batch)) added.push_back(in_maps_dtype(block.added(some)) - bias);
  return {at::cat(added).flatten(0, 1).narrow(0, 0, units).unflatten(0, {heads, width}), bias};
}

/// The forward sweep keeps what each part adds to the rows that are read, the backward sweep reads it out.
class DecompositionRun : public ForwardWatcher, public ReadoutWatcher {
 public:
  DecompositionRun(const Structure& structure, std::vector<int64_t> token_layers)
      : ReadoutWatcher(structure), token_layers_(std::move(token_layers)) {}

  bool watches(int64_t /*block*/) const override { return true; }

  void on_block(const ForwardBlock& block) override {
    const auto& [query, key, value, mask, scale] = block.attention;
    const auto context =
        at::scaled_dot_product_attention(query, key, value, {}, /*dropout_p=*/0, /*is_causal=*/false, scale);
    const auto projection = projection_of(block, context);
    const auto added = read(block.added(context));
    if (block.index == 0) sum_ = read(block.input);
    heads_.push_back(in_maps_dtype(model::select_rows(context, 2, structure_.readout_rows)).matmul(projection.weight));
    mlps_.push_back(read(block.output) - read(block.input) - added);
    sum_ = sum_ + read(projection.bias) + heads_.back().sum(1) + mlps_.back();
    last_ = read(block.output);
    if (std::ranges::binary_search(token_layers_, block.index)) kept_.push_back({block.attention, projection.weight});
  }
  using ReadoutWatcher::on_block;

  Decomposition result(const at::Tensor& output) const {
    Decomposition result;
    result.output = in_maps_dtype(output);
    const auto all = at::stack(outputs_, -1);  // [B, n, D], heads block by block, then MLPs
    result.heads = all.narrow(1, 0, structure_.blocks * heads_[0].size(1)).unflatten(1, {structure_.blocks, -1});
    result.mlps = all.narrow(1, all.size(1) - structure_.blocks, structure_.blocks);
    result.rest = result.output - all.sum(1);
    if (!tokens_.empty()) result.tokens = at::stack(tokens_, -1);
    return result;
  }

  /// Throws unless the parts make the tokens that are read.
  void check() const {
    if (model::difference(sum_, last_) <= model::tolerance(structure_.dtype)) return;
    throw InputError("what the parts of the model add to its tokens does not make them", Reason::kNotReproduced);
  }

  /// The J of outputs weighed by `weights` [D], of the first image.
  at::Tensor combined(const at::Tensor& weights) const {
    at::Tensor sum;
    for (size_t k = 0; k < readouts_.size(); ++k) {
      const auto part = readouts_[k] * weights[static_cast<int64_t>(k)];
      sum = sum.defined() ? sum + part : part;
    }
    return sum;
  }

 private:
  at::Tensor read(const at::Tensor& tokens) const {
    return in_maps_dtype(model::select_rows(tokens, 1, structure_.readout_rows));
  }

  void on_output(int64_t /*output*/, const at::Tensor& weights) override {
    if (!parts_.defined()) parts_ = at::cat({at::stack(heads_, 1).flatten(1, 2), at::stack(mlps_, 1)}, 1).flatten(2);
    outputs_.push_back(parts_.matmul(weights.flatten(1).unsqueeze(-1)).squeeze(-1));
    readouts_.push_back(weights.narrow(0, 0, 1));
    if (!kept_.empty()) tokens_.push_back(by_token(weights));
  }

  // A_ij ⟨J P_h, V_j⟩ summed over the rows i that are read, [B, l, h, N].
  at::Tensor by_token(const at::Tensor& weights) const {
    std::vector<at::Tensor> layers;
    for (const auto& [attention, projection] : kept_) {
      at::Tensor sum;
      for (size_t r = 0; r < structure_.readout_rows.size(); ++r) {
        const auto row = weights.select(1, static_cast<int64_t>(r));                        // [B, d]
        const auto at_context = at::einsum("bd,hed->bhe", {row, projection}).unsqueeze(2);  // [B, h, 1, e]
        const auto given = attention.gradient_rows(at_context) * attention.rows(structure_.readout_rows[r], 1);
        sum = sum.defined() ? sum + given : given;
      }
      layers.push_back(sum.squeeze(2));
    }
    return at::stack(layers, 1);
  }

  struct Kept {
    Attention attention;
    at::Tensor projection;  ///< P_h [h, e, d]
  };

  std::vector<int64_t> token_layers_;  // ascending
  at::Tensor sum_, last_;              // [B, R, d], of all parts; Z^L
  std::vector<at::Tensor> heads_;      // [L] of [B, h, R, d]
  std::vector<at::Tensor> mlps_;       // [L] of [B, R, d]
  at::Tensor parts_;                   // both [B, n, R·d]
  std::vector<Kept> kept_;             // of the token layers
  std::vector<at::Tensor> outputs_;    // [D] of [B, n]
  std::vector<at::Tensor> tokens_;     // [D] of [B, l, h, N]
  std::vector<at::Tensor> readouts_;   // [D] of [1, R, d], of the first image
};

void check_structure(const Structure& structure) {
  if (structure.readout == ReadoutKind::kPooler) refuse("an attentional pooler stands between");
  if (!structure.attention_added) refuse("what an attention adds is masked, gated, normed first or joined with more");
}

// Once norms are held, nothing that is not linear may be left of the readout: no activation, no product of two values.
void check_readout(const Vit& vit, const at::Tensor& image, const DecompositionRun& run, const at::Tensor& output) {
  const auto weights = model::fixed_cotangent(output[0]);
  OneReadout direct(vit.structure());
  const Target some([weights](const at::Tensor& y) { return at::mul(y, weights).sum(1, /*keepdim=*/true); });
  vit.by_rules(direct_rules()).sweep(image, some, {}, {&direct});
  const double off = model::difference(direct.weights, run.combined(in_maps_dtype(weights)));
  if (off > model::tolerance(vit.structure().dtype)) refuse("the readout is not linear, even with its norms held");
}

}  // namespace

Decomposition decompose(const Vit& vit, const at::Tensor& images, const std::vector<int64_t>& token_layers) {
  const auto& structure = vit.structure();
  check_structure(structure);
  const auto layers = token_layers.empty() ? std::vector<int64_t>() : resolve_layers(token_layers, structure.blocks);
  const model::GradScope scope(false);
  DecompositionRun run(structure, layers);
  std::vector<int64_t> outputs(static_cast<size_t>(structure.output_width));
  std::iota(outputs.begin(), outputs.end(), 0);
  const auto output = vit.by_rules(held_norm_rules()).sweep(images, Target(outputs), {&run}, {&run});
  run.check();
  check_readout(vit, images.narrow(0, 0, 1), run, output);
  return run.result(output);
}

}  // namespace legrad
