#pragma once

#include <torch/script.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

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

  void fill(uint64_t seed) {
    torch::manual_seed(seed);
    const auto make = [&](const std::string& name, at::IntArrayRef sizes, double spread) {
      weights[name] = (at::randn(sizes, at::kDouble) * spread).to(dtype);
    };
    make("patch_w", {width, 3, patch, patch}, 0.3);
    make("patch_b", {width}, 0.3);
    make("cls", {1, 1, width}, 0.5);
    make("pos", {1, tokens(), width}, 0.5);
    const double spread = 1.2 / std::sqrt(static_cast<double>(width));
    for (int64_t l = 0; l < blocks; ++l) {
      const auto n = std::to_string(l);
      make("qkv_w" + n, {3 * width, width}, 1.5 * spread);
      make("qkv_b" + n, {3 * width}, 0.1);
      make("out_w" + n, {width, width}, spread);
      make("out_b" + n, {width}, 0.1);
      make("up_w" + n, {2 * width, width}, spread);
      make("up_b" + n, {2 * width}, 0.1);
      make("down_w" + n, {width, 2 * width}, spread);
      make("down_b" + n, {width}, 0.1);
    }
    make("head_w", {classes, width}, spread);
    make("head_b", {classes}, 0.1);
  }

  void save(const std::filesystem::path& file) const {
    torch::jit::Module module("TinyVit");
    for (const auto& [name, weight] : weights) module.register_parameter(name, weight, false);
    const auto d = std::to_string(width);
    const auto h = std::to_string(heads);
    const auto e = std::to_string(width / heads);
    const auto p = std::to_string(patch);
    std::string code =
        "def forward(self, x):\n"
        "    x = torch.conv2d(x, self.patch_w, self.patch_b, [" +
        p + ", " + p +
        "]).flatten(2).transpose(1, 2)\n"
        "    x = torch.cat([self.cls.expand(" +
        std::string(sizes_as_numbers ? "1" : "x.size(0)") + ", -1, -1), x], 1) + self.pos\n" +
        (sizes_as_numbers ? "    b, n, d = 1, " + std::to_string(tokens()) + ", " + d + "\n"
                          : "    b, n, d = x.shape\n");
    for (int64_t l = 0; l < blocks; ++l) {
      const auto i = std::to_string(l);
      code += "    y = torch.layer_norm(x, [" + d +
              "])\n"
              "    y = torch.linear(y, self.qkv_w" +
              i + ", self.qkv_b" + i + ").reshape(b, n, 3, " + h + ", " + e +
              ").permute(2, 0, 3, 1, 4)\n"
              "    y = torch.scaled_dot_product_attention(y[0], y[1], y[2]).transpose(1, 2).reshape(b, n, d)\n"
              "    x = x + torch.linear(y, self.out_w" +
              i + ", self.out_b" + i +
              ")\n"
              "    y = torch.gelu(torch.linear(torch.layer_norm(x, [" +
              d + "]), self.up_w" + i + ", self.up_b" + i +
              "))\n"
              "    x = x + torch.linear(y, self.down_w" +
              i + ", self.down_b" + i + ")\n";
    }
    code += "    return torch.linear(torch.layer_norm(x[:, 0], [" + d + "]), self.head_w, self.head_b)\n";
    module.define(code);
    module.save(file.string());
  }

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
