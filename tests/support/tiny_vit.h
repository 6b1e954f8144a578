#pragma once

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace legrad::testing {

/// A small vision transformer with a class token, in two forms that share nothing but their weights: TorchScript, saved
/// to a file, and plain tensor code with its attention maps in hand. Seeded; weights large enough that no map is flat.
struct TinyVit {
  int64_t image = 16;
  int64_t patch = 4;
  int64_t width = 16;
  int64_t heads = 2;
  int64_t blocks = 2;
  int64_t classes = 5;
  c10::ScalarType dtype = c10::ScalarType::Double;
  bool sizes_as_numbers =
      false;  ///< the file holds a batch of one image and the number of tokens, as static exports do
  std::map<std::string, at::Tensor> weights;

  int64_t tokens() const { return (image / patch) * (image / patch) + 1; }

  void fill(uint64_t seed);

  void save(const std::filesystem::path& file) const;

  at::Tensor w(const std::string& name, int64_t l) const { return weights.at(name + std::to_string(l)); }

  at::Tensor embed(const at::Tensor& images) const {
    const auto patches =
        at::conv2d(images, weights.at("patch_w"), weights.at("patch_b"), {patch, patch}).flatten(2).transpose(1, 2);
    return at::cat({weights.at("cls").expand({images.size(0), -1, -1}), patches}, 1) + weights.at("pos");
  }

  at::Tensor norm(const at::Tensor& x) const { return at::layer_norm(x, {width}); }

  /// A [B, h, N, N] and V [B, h, N, e] of block `l`, from its input.
  std::pair<at::Tensor, at::Tensor> attention(const at::Tensor& x, int64_t l) const {
    const auto qkv = at::linear(norm(x), w("qkv_w", l), w("qkv_b", l))
                         .reshape({x.size(0), x.size(1), 3, heads, width / heads})
                         .permute({2, 0, 3, 1, 4});
    const int64_t head_width = width / heads;
    const double scale = 1 / std::sqrt(static_cast<double>(head_width));
    return {(qkv[0].matmul(qkv[1].transpose(-2, -1)) * scale).softmax(-1), qkv[2]};
  }

  /// Z^l from Z^{l-1} and the attention map A.
  at::Tensor finish(const at::Tensor& x, const at::Tensor& a, const at::Tensor& v, int64_t l) const {
    auto y = x + at::linear(a.matmul(v).transpose(1, 2).reshape(x.sizes()), w("out_w", l), w("out_b", l));
    return y + at::linear(at::gelu(at::linear(norm(y), w("up_w", l), w("up_b", l))), w("down_w", l), w("down_b", l));
  }

  at::Tensor readout(const at::Tensor& x) const {
    return at::linear(norm(x.select(1, 0)), weights.at("head_w"), weights.at("head_b"));
  }
};

}  // namespace legrad::testing
