#pragma once

#include <torch/script.h>

#include <filesystem>
#include <string>
#include <utility>

#include "support/explained_by_hand.h"
#include "support/tiny_vit.h"

namespace legrad::testing {

/// Saves a small vision transformer whose pieces are methods of the file, `forward` calling one after the other.
inline void save_in_pieces(const TinyVit& model, const std::filesystem::path& file) {
  torch::jit::Module module("Pieces");
  for (const auto& [name, weight] : model.weights) module.register_parameter(name, weight, false);
  const auto d = std::to_string(model.width);
  const auto h = std::to_string(model.heads);
  const auto e = std::to_string(model.width / model.heads);
  const auto p = std::to_string(model.patch);
  const auto scale = std::to_string(1 / std::sqrt(std::stod(e)));
  std::string forward = "def forward(self, x):\n    x = self.embed(x)\n";
  module.define(
      "def embed(self, x):\n    x = torch.conv2d(x, self.patch_w, self.patch_b, [" + p + ", " + p +
      "]).flatten(2).transpose(1, 2)\n    return torch.cat([self.cls.expand(x.size(0), -1, -1), x], 1) + self.pos\n");
  for (int64_t l = 0; l < model.blocks; ++l) {
    const auto i = std::to_string(l);
    module.define("def map" + i + "(self, x):\n    b, n, d = x.shape\n    y = torch.layer_norm(x, [" + d +
                  "])\n    y = torch.linear(y, self.qkv_w" + i + ", self.qkv_b" + i + ").reshape(b, n, 3, " + h + ", " +
                  e + ").permute(2, 0, 3, 1, 4)\n    a = torch.softmax(torch.matmul(y[0], y[1].transpose(-2, -1)) * " +
                  scale + ", -1)\n    return a, y[2]\n");
    module.define("def next" + i +
                  "(self, x, a, v):\n    y = torch.matmul(a, v).transpose(1, 2).reshape(x.size(0), x.size(1), " + d +
                  ")\n    x = x + torch.linear(y, self.out_w" + i + ", self.out_b" + i +
                  ")\n    y = torch.gelu(torch.linear(torch.layer_norm(x, [" + d + "]), self.up_w" + i + ", self.up_b" +
                  i + "))\n    return x + torch.linear(y, self.down_w" + i + ", self.down_b" + i + ")\n");
    forward += "    a, v = self.map" + i + "(x)\n    x = self.next" + i + "(x, a, v)\n";
  }
  module.define("def readout(self, x):\n    return torch.linear(torch.layer_norm(x[:, 0], [" + d +
                "]), self.head_w, self.head_b)\n");
  module.define(forward + "    return self.readout(x)\n");
  module.save(file.string());
}

/// Such a file, or what an edit made of it, as LibTorch loads and runs it.
class ScriptPieces : public Pieces {
 public:
  explicit ScriptPieces(const std::filesystem::path& file) : module_(torch::jit::load(file.string())) {
    module_.eval();
  }

  at::Tensor whole(const at::Tensor& images) override { return call("forward", {images}).toTensor(); }
  int64_t blocks() const override {
    int64_t count = 0;
    while (module_.find_method("map" + std::to_string(count)) && module_.find_method("next" + std::to_string(count))) {
      ++count;
    }
    return module_.find_method("embed") && module_.find_method("readout") ? count : 0;
  }
  at::Tensor embed(const at::Tensor& images) override { return call("embed", {images}).toTensor(); }
  std::pair<at::Tensor, at::Tensor> map(const at::Tensor& x, int64_t l) override {
    const auto both = call("map" + std::to_string(l), {x}).toTuple();
    return {both->elements()[0].toTensor(), both->elements()[1].toTensor()};
  }
  at::Tensor next(const at::Tensor& x, const at::Tensor& a, const at::Tensor& v, int64_t l) override {
    return call("next" + std::to_string(l), {x, a, v}).toTensor();
  }
  at::Tensor readout(const at::Tensor& x) override { return call("readout", {x}).toTensor(); }

 private:
  // In-place writes of an edited file must not reach what the next piece is given.
  c10::IValue call(const std::string& method, const std::vector<at::Tensor>& inputs) {
    std::vector<c10::IValue> own;
    own.reserve(inputs.size());
    for (const auto& input : inputs) own.emplace_back(input.clone());
    return module_.get_method(method)(own);
  }

  torch::jit::Module module_;
};

}  // namespace legrad::testing
