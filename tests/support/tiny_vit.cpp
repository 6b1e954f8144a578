#include "support/tiny_vit.h"

#include <torch/script.h>

namespace legrad::testing {

void TinyVit::fill(uint64_t seed) {
  at::manual_seed(seed);
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

void TinyVit::save(const std::filesystem::path& file) const {
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
      (sizes_as_numbers ? "    b, n, d = 1, " + std::to_string(tokens()) + ", " + d + "\n" : "    b, n, d = x.shape\n");
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

}  // namespace legrad::testing
