#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace legrad::testing {

/// A model in the pieces that explanations are defined with, each run by LibTorch itself.
class Pieces {
 public:
  Pieces() = default;
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  virtual ~Pieces() = default;

  virtual at::Tensor whole(const at::Tensor& images) = 0;  ///< the output [B, C], not by way of the pieces
  virtual int64_t blocks() const = 0;                      ///< 0 where the pieces are not known
  virtual at::Tensor embed(const at::Tensor& images) = 0;
  virtual std::pair<at::Tensor, at::Tensor> map(const at::Tensor& x,
                                                int64_t l) = 0;  ///< A [B, h, N, N], V [B, h, N, e]
  virtual at::Tensor next(const at::Tensor& x, const at::Tensor& a, const at::Tensor& v, int64_t l) = 0;
  virtual at::Tensor readout(const at::Tensor& x) = 0;
};

/// The largest difference, as a part of the largest number expected. Zeros are expected to be zeros.
inline double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return std::numeric_limits<double>::infinity();
  const auto largest = expected.abs().max().item<double>();
  const auto away = (found.to(at::kDouble) - expected.to(at::kDouble)).abs().max().item<double>();
  return away == 0 ? 0 : away / largest;
}

/// Maps by definition [B, K, rows, columns], and [B, rows, columns] of what has no target.
struct ByHand {
  at::Tensor legrad;         ///< with the model's own readout
  at::Tensor raw_attention;  ///< undefined, as is rollout, where the output depends on no token
  at::Tensor rollout;
};

/// Which token holds each patch of a square grid, row by row: what moves when the patch's pixels do. Empty where it is
/// not one token each.
inline std::vector<int64_t> tokens_of_patches(Pieces& model, const at::Tensor& image, int64_t side) {
  const auto plain = model.embed(image);
  const auto pixels = image.size(-1) / side;
  std::vector<int64_t> tokens;
  for (int64_t patch = 0; patch < side * side; ++patch) {
    auto moved = image.clone();
    moved.narrow(2, patch / side * pixels, pixels).narrow(3, patch % side * pixels, pixels).add_(1);
    const auto changed = (model.embed(moved) - plain).abs().sum(-1)[0].nonzero().flatten();
    if (changed.numel() != 1) return {};
    tokens.push_back(changed.item<int64_t>());
  }
  return tokens;
}

/// By the definitions, on attention maps written out, one image at a time. Nothing where the pieces do not give
/// what the whole model gives, or where its patches are no tokens.
inline std::optional<ByHand> explained_by_hand(Pieces& model, const at::Tensor& images,
                                               const std::vector<int64_t>& classes, int64_t side) {
  const auto blocks = model.blocks();
  if (blocks == 0) return std::nullopt;
  std::vector<at::Tensor> maps, raw, rolled;
  bool reads = true;
  for (int64_t image = 0; image < images.size(0); ++image) {
    const auto one = images.narrow(0, image, 1);
    const auto order = tokens_of_patches(model, one, side);
    if (order.empty()) return std::nullopt;
    const auto patches = at::tensor(order, at::kLong);
    const auto on_grid = [&](const at::Tensor& columns) {
      return columns.index_select(0, patches).reshape({side, side});
    };
    std::vector<at::Tensor> sums(classes.size(), at::zeros({side, side}, at::kDouble));
    auto x = model.embed(one);
    auto product = at::eye(x.size(1), at::kDouble);
    at::Tensor mean;
    for (int64_t l = 0; l < blocks; ++l) {
      const auto [map, value] = model.map(x, l);
      for (size_t k = 0; k < classes.size(); ++k) {
        const auto leaf = map.detach().requires_grad_();
        const auto score = model.readout(model.next(x, leaf, value, l))[0][classes[k]];
        auto gradient =
            score.requires_grad() ? torch::autograd::grad({score}, {leaf}, {}, {}, false, true)[0] : at::Tensor();
        if (!gradient.defined()) gradient = at::zeros_like(leaf);
        sums[k] = sums[k] + on_grid(gradient[0].relu().mean({0, 1})) / static_cast<double>(blocks);
      }
      mean = map[0].mean(0);
      const auto with_skip = mean + at::eye(mean.size(0), at::kDouble);
      product = (with_skip / with_skip.sum(-1, true)).matmul(product);
      x = model.next(x, map, value, l);
    }
    const auto leaf = x.detach().requires_grad_();
    const auto output = model.readout(leaf);
    if (!(difference(output, model.whole(one)) <= 1e-6)) return std::nullopt;
    const auto read = torch::autograd::grad({output.sum()}, {leaf})[0][0].abs().sum(-1).nonzero().flatten();
    if (read.numel() == 0) reads = false;
    const auto rows = [&](const at::Tensor& square) { return on_grid(square.index_select(0, read).mean(0)); };
    maps.push_back(at::stack(sums));
    raw.push_back(rows(mean));
    rolled.push_back(rows(product));
  }
  if (!reads) return ByHand{at::stack(maps), {}, {}};
  return ByHand{at::stack(maps), at::stack(raw), at::stack(rolled)};
}

}  // namespace legrad::testing
