#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/layers.h>
#include <legrad/methods/words_legrad.h>

#include <cstdint>
#include <vector>

namespace legrad {
namespace {

// 1/(h·N) Σ_{h,i} relu(∂s/∂A_{h,i,j}), [K, N]
at::Tensor sensitivity(const TextBlock& block) {
  const auto gradient = block.attention.gradient_rows(block.context_gradient).relu();
  const auto weights = block.attention.rows(0, block.attention.queries());
  return gradient.masked_fill(weights == 0, 0).mean({1, 2});
}

}  // namespace

at::Tensor words_legrad(const TextTower& tower, const at::Tensor& ids, const at::Tensor& images,
                        const WordsLegradOptions& options) {
  const auto seen = tower.gradients(ids, images, TextScore::kByBlock);
  std::vector<at::Tensor> maps;
  for (const int64_t layer : resolve_layers(options.layers, static_cast<int64_t>(seen.blocks.size()))) {
    maps.push_back(sensitivity(seen.blocks[static_cast<size_t>(layer)]));
  }
  return at::stack(maps).mean(0);
}

}  // namespace legrad
