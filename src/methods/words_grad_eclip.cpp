#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/words_grad_eclip.h>
#include <legrad/patch_map.h>

#include <algorithm>

#include "model/unit_rows.h"

namespace legrad {
namespace {

constexpr int64_t kAuthorsBlocks = 8;  // blocks, as the authors' code

// Row `row` [K] of each text of [K, h, N, x], as [K, h, 1, x].
at::Tensor at_row(const at::Tensor& values, const at::Tensor& row) {
  const auto at = row.reshape({-1, 1, 1, 1}).expand({-1, values.size(1), 1, values.size(3)});
  return values.gather(2, at);
}

// λ [K, h or 1, 1, N]
at::Tensor loosened(const Attention& attention, const at::Tensor& row, GradEclipHeads heads) {
  auto query = in_maps_dtype(attention.query);
  auto key = in_maps_dtype(attention.key);
  if (heads == GradEclipHeads::kOne) {
    const auto joined = [](const at::Tensor& each) { return each.transpose(1, 2).flatten(2).unsqueeze(1); };
    query = joined(query);
    key = joined(key);
  }
  const auto cosines = model::unit_rows(at_row(query, row)).matmul(model::unit_rows(key).transpose(-2, -1));
  const auto least = cosines.amin(-1, /*keepdim=*/true), most = cosines.amax(-1, /*keepdim=*/true);
  return ((cosines - least) / (most - least)).masked_fill(most == least, 0);
}

}  // namespace

at::Tensor words_grad_eclip(const TextTower& tower, const at::Tensor& ids, const at::Tensor& images,
                            const WordsGradEclipOptions& options) {
  const auto seen = tower.gradients(ids, images, TextScore::kFinal);
  if (!seen.read.sum(1).eq(1).all().item<bool>()) {
    throw InputError(
        "grad_eclip compares the token that an embedding is read from with the others, and this text tower reads "
        "several; choose legrad",
        Reason::kNoMeaning);
  }
  const auto row = seen.read.to(at::kByte).argmax(1);  // [K]
  const auto blocks = static_cast<int64_t>(seen.blocks.size());
  const auto layers = options.layers.empty() ? resolve_layers({}, blocks, std::max<int64_t>(blocks - kAuthorsBlocks, 0))
                                             : resolve_layers(options.layers, blocks);
  at::Tensor sum;
  for (const int64_t layer : layers) {
    const auto& block = seen.blocks[static_cast<size_t>(layer)];
    const auto gradient = block.attention.gradient_rows(at_row(block.context_gradient, row));  // [K, h, 1, N]
    const auto weights = at_row(block.attention.rows(0, block.attention.queries()), row);
    const auto map = (loosened(block.attention, row, options.heads) * gradient).masked_fill(weights == 0, 0);
    sum = sum.defined() ? sum + map.sum({1, 2}) : map.sum({1, 2});
  }
  return sum.relu();
}

}  // namespace legrad
