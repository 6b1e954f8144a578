#include "graph/passes/input_size.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace legrad::graph {
namespace {

// The tensor a value is, if it is an attribute of the module or a constant.
std::optional<at::Tensor> weight_of(const Value* value, const Source& source) {
  if (const auto constant = torch::jit::toIValue(value)) {
    return constant->isTensor() ? std::optional(constant->toTensor()) : std::nullopt;
  }
  std::vector<std::string> path;
  for (; value->node()->kind() != prim::Param; value = value->node()->input(0)) {
    if (value->node()->kind() != prim::GetAttr) return std::nullopt;
    path.push_back(value->node()->s(torch::jit::attr::name));
  }
  const auto inputs = source.graph->inputs();
  const auto at = static_cast<size_t>(std::find(inputs.begin(), inputs.end(), value) - inputs.begin());
  if (at == inputs.size() || !source.arguments.at(at).value) return std::nullopt;
  c10::IValue found = *source.arguments[at].value;
  for (auto name = path.rbegin(); name != path.rend(); ++name) {
    if (!found.isObject()) return std::nullopt;
    found = found.toObjectRef().getAttr(*name);
  }
  return found.isTensor() ? std::optional(found.toTensor()) : std::nullopt;
}

struct PatchEmbedding {
  int64_t channels, width, patch_height, patch_width;
};

struct Weights {
  bool convolution = false;             // whether there is one, if its kernel is a weight or not
  std::vector<PatchEmbedding> patches;  // what may embed patches: the first convolution, the first such linear layer
  std::vector<at::Tensor> all;
};

// A linear layer's matrix [d, c·p²] over the numbers of square patches.
std::optional<PatchEmbedding> over_unfolded_patches(const at::Tensor& matrix) {
  if (matrix.dim() != 2) return std::nullopt;
  for (const int64_t channels : {3, 1}) {
    const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(matrix.size(1) / channels))));
    if (side > 1 && channels * side * side == matrix.size(1)) {
      return PatchEmbedding{channels, matrix.size(0), side, side};
    }
  }
  return std::nullopt;
}

// Whether a weight is used as no position embedding is: as a linear layer's matrix, or as tokens put beside others.
bool is_other_weight(const Value* weight) {
  return std::any_of(weight->uses().begin(), weight->uses().end(), [](const auto& use) {
    const auto is = [&](const char* name) { return is_aten(use.user, name); };
    return (use.offset == 1 && (is("linear") || is("matmul"))) || (use.offset == 2 && is("addmm")) || is("t") ||
           is("expand") || is("expand_as") || is("repeat") || is("cat");
  });
}

Weights read_weights(const Source& source) {
  Weights weights;
  std::optional<PatchEmbedding> linear;
  for_each_node(*source.graph, [&](Node* node) {
    if (is_convolution(node)) {
      const bool first = !std::exchange(weights.convolution, true);
      const auto kernel = weight_of(node->input(1), source);
      const auto stride = torch::jit::toIValue(node->input(3));
      if (first && kernel && kernel->dim() == 4) {
        PatchEmbedding found{kernel->size(1), kernel->size(0), kernel->size(2), kernel->size(3)};
        if (stride && stride->isIntList() && stride->toIntVector().size() == 2) {
          found.patch_height = stride->toIntVector()[0];
          found.patch_width = stride->toIntVector()[1];
        }
        weights.patches.push_back(found);
      }
    }
    if (!linear && is_aten(node, "linear")) {
      const auto matrix = weight_of(node->input(1), source);
      linear = matrix ? over_unfolded_patches(*matrix) : std::nullopt;
    }
    for (const Value* output : node->outputs()) {
      if (!output->type()->isSubtypeOf(*c10::TensorType::get())) continue;
      if (node->kind() != prim::GetAttr && node->kind() != prim::Constant) continue;
      if (is_other_weight(output)) continue;
      if (const auto tensor = weight_of(output, source)) weights.all.push_back(*tensor);
    }
  });
  if (linear) weights.patches.push_back(*linear);
  return weights;
}

// The grid that a position embedding may be for: its own, or a square of its tokens less some in front.
std::optional<PatchGrid> grid_of(const at::Tensor& positions) {
  if (positions.dim() == 4) {
    // One for each grid, to be resampled, may be far larger than any image the model is meant for.
    constexpr int64_t kMostPatches = 64 * 64;
    if (positions.size(1) * positions.size(2) > kMostPatches) return std::nullopt;
    return PatchGrid{positions.size(1), positions.size(2)};
  }
  constexpr int64_t kPrefixes[] = {0, 1, 2, 5, 4, 3, 6};  // none, class, distilled, class and 4 registers, ...
  const int64_t tokens = positions.size(-2);
  for (const int64_t prefix : kPrefixes) {
    if (prefix + 4 > tokens) continue;
    const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(tokens - prefix))));
    if (side * side == tokens - prefix) return PatchGrid{side, side};
  }
  return std::nullopt;
}

void add_candidates(InputHint& hint, const PatchEmbedding& patches, const std::vector<at::Tensor>& weights) {
  constexpr int64_t kMostSide = 1 << 14;
  std::vector<ImageSize> likely;
  std::vector<ImageSize> others;
  for (const auto& weight : weights) {
    const bool rows = (weight.dim() >= 3 && weight.dim() <= 4 && weight.size(0) == 1) || weight.dim() == 2;
    if (!rows || weight.size(-1) != patches.width) continue;
    if (weight.dim() == 2 && weight.size(0) == weight.size(1)) continue;  // a square linear layer
    const auto grid = grid_of(weight);
    if (!grid || grid->rows > kMostSide || grid->columns > kMostSide) continue;
    const ImageSize size{grid->rows * patches.patch_height, grid->columns * patches.patch_width};
    if (size.height > kMostSide || size.width > kMostSide) continue;
    // A [1, N, d] weight is a position embedding as a rule; [N, d] may be a linear layer too.
    (weight.dim() == 2 ? others : likely).push_back(size);
  }
  hint.candidates.insert(hint.candidates.end(), likely.rbegin(), likely.rend());
  hint.candidates.insert(hint.candidates.end(), others.begin(), others.end());
}

}  // namespace

InputHint input_hint(const Source& source) {
  InputHint hint;
  const auto& told = source.arguments.at(input_argument(source)).sizes;
  const auto weights = read_weights(source);
  hint.patches = weights.convolution;
  if (told.size() == 4) {
    hint.batch = told[0];
    hint.channels = told[1];
    hint.candidates.push_back({told[2], told[3]});
    return hint;
  }
  hint.guessed = true;
  if (!weights.patches.empty()) hint.channels = weights.patches.front().channels;
  for (const auto& patches : weights.patches) {
    if (patches.channels == hint.channels) add_candidates(hint, patches, weights.all);
  }
  return hint;
}

int64_t vocabulary(const StraightLine& line) {
  int64_t smallest = 0;
  for (const Node* node : line.graph->nodes()) {
    if (!is_aten(node, "embedding")) continue;
    const Value* ids = node->input(1);
    while (ids != line.input() && !ids->node()->inputs().empty()) ids = ids->node()->input(0);
    if (ids != line.input()) continue;
    const auto table = torch::jit::toIValue(node->input(0));
    if (!table || !table->isTensor()) continue;
    const int64_t entries = table->toTensor().size(0);
    smallest = smallest == 0 ? entries : std::min(smallest, entries);
  }
  return smallest;
}

}  // namespace legrad::graph
