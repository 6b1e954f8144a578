#include "support/odd_vit.h"

#include <torch/script.h>

namespace legrad::testing {

void OddVit::fill_odd(uint64_t seed) {
  fill(seed);
  weights["masks"] = at::randn({heads, tokens(), tokens()}, at::kDouble).to(dtype) * 2;
  const auto numbers = at::TensorOptions().dtype(at::kLong);
  auto shuffled = at::arange(tokens(), numbers);
  if (order == Order::kReversed) shuffled = shuffled.flip(0);
  if (order == Order::kShuffled) shuffled = at::randperm(tokens(), numbers);
  weights["order"] = shuffled;
  weights["back"] = shuffled.argsort();
  for (int64_t l = 0; l < blocks; ++l) {
    weights["place" + std::to_string(l)] = at::randn({tokens(), width}, at::kDouble).to(dtype) * 0.3;
  }
}

std::string OddVit::block_code(int64_t l) const {
  const auto i = std::to_string(l);
  const auto d = std::to_string(width);
  const auto h = std::to_string(heads);
  const auto e = std::to_string(width / heads);
  const auto scale = std::to_string(1 / std::sqrt(static_cast<double>(width / heads)));
  std::string code = "    y = torch.layer_norm(x, [" + d + "])\n" + before_qkv;
  if (places_inside) code += "    y = y + self.place" + i + "\n";
  if (order != Order::kAsTokens) code += "    y = y[:, self.order]\n";
  code += "    p = torch.linear(y, self.qkv_w" + i + ", self.qkv_b" + i + ").reshape(b, n, 3, " + h + ", " + e + ")\n";
  code += "    q, k, v = p[:, :, 0], p[:, :, 1], p[:, :, 2]\n";
  const std::string softmax = "    a = torch.softmax(torch.matmul(q, k.transpose(-2, -1)) * " + scale;
  if (heads_lie == Heads::kShared) {
    code += "    q, k, v = q.transpose(1, 2), k[:, :, :1].transpose(1, 2), v[:, :, :1].transpose(1, 2)\n" + softmax +
            ", -1)\n    y = torch.matmul(a, v).transpose(1, 2).reshape(b, n, " + d + ")\n";
  } else {
    const bool images_first = heads_lie == Heads::kBatchMajor;
    const std::string to = images_first ? "(0, 2, 1, 3)" : "(2, 0, 1, 3)";
    const std::string from = images_first ? "(b, " + h + ", n, " + e + ").permute(0, 2, 1, 3)"
                                          : "(" + h + ", b, n, " + e + ").permute(1, 2, 0, 3)";
    for (const char* part : {"q", "k", "v"}) {
      code += std::string("    ") + part + " = " + part + ".permute" + to + ".reshape(" + h + " * b, n, " + e + ")\n";
    }
    const std::string mask = images_first ? " + self.masks.repeat(b, 1, 1)" : " + self.masks.repeat_interleave(b, 0)";
    code += softmax + (masks ? mask : "") + ", -1)\n    y = torch.matmul(a, v).reshape" + from + ".reshape(b, n, " + d +
            ")\n";
  }
  if (order != Order::kAsTokens && back_in_order) code += "    y = y[:, self.back]\n";
  code += "    x = x + torch.linear(y, self.out_w" + i + ", self.out_b" + i + ")\n";
  code +=
      "    y = torch.gelu(torch.linear(torch.layer_norm(x, [" + d + "]), self.up_w" + i + ", self.up_b" + i + "))\n";
  code += "    x = x + torch.linear(y, self.down_w" + i + ", self.down_b" + i + ")\n";
  if (gates > 0)
    code += "    x = x * torch.sigmoid(" + std::string(l < gates ? "x.mean(1, keepdim=True)" : "x") + ")\n";
  if (places) code += "    x = x + self.place" + i + "\n";
  return code;
}

void OddVit::save_odd(const std::filesystem::path& file) const {
  torch::jit::Module module("OddVit");
  for (const auto& [name, weight] : weights) {
    if (weight.is_floating_point()) {
      module.register_parameter(name, weight, false);
    } else {
      module.register_buffer(name, weight);
    }
  }
  const auto p = std::to_string(patch);
  const auto d = std::to_string(width);
  std::string code = "def forward(self, x):\n" + before_patches;
  code += "    x = torch.conv2d(x, self.patch_w, self.patch_b, [" + p + ", " + p + "]).flatten(2).transpose(1, 2)\n";
  code += "    x = torch.cat([" + class_token + ", x], 1) + self.pos\n    b, n, d = x.shape\n";
  for (int64_t l = 0; l < blocks; ++l) code += block_code(l);
  code += "    return torch.linear(torch.layer_norm(" + read + ", [" + d + "]), self.head_w, self.head_b)\n";
  module.define(code);
  module.save(file.string());
}

}  // namespace legrad::testing
