#include "model/load.h"

#include <legrad/error.h>

#include <functional>
#include <map>

#include "graph/passes/input_size.h"
#include "graph/passes/rewrite.h"
#include "graph/passes/straighten.h"
#include "graph/read/open.h"
#include "model/build.h"
#include "model/grad_scope.h"
#include "model/resize.h"

namespace legrad::model {
namespace {

using graph::Node;

c10::ScalarType dtype_of(const std::vector<at::Tensor>& weights) {
  std::map<c10::ScalarType, int64_t> numbers;
  for (const auto& weight : weights) {
    if (weight.is_floating_point()) numbers[weight.scalar_type()] += weight.numel();
  }
  auto most = std::make_pair(c10::ScalarType::Float, int64_t{0});
  for (const auto& entry : numbers) {
    if (entry.second > most.second) most = entry;
  }
  return most.first;
}

void check_has_attention(const graph::Graph& graph) {
  bool found = false;
  const std::function<void(const torch::jit::Block*)> visit = [&](const torch::jit::Block* block) {
    for (const Node* node : block->nodes()) {
      for (const char* name : {"scaled_dot_product_attention", "softmax", "_softmax", "_native_multi_head_attention"}) {
        found = found || graph::is_aten(node, name);
      }
      for (const auto* inner : node->blocks()) visit(inner);
    }
  };
  visit(graph.block());
  if (!found) {
    throw ModelError(
        "no self-attention was found in the model: it is no vision transformer (a CNN?); expected blocks of softmax "
        "attention over patch tokens");
  }
}

}  // namespace

std::shared_ptr<const Network> load_network(const std::filesystem::path& file, const LoadOptions& options) {
  const GradScope scope(false);
  auto source = graph::open_source(file);
  check_has_attention(*source.graph);
  graph::unfuse_attention(*source.graph);
  graph::StraightenOptions straighten;
  straighten.output = options.output;
  straighten.device = options.device;
  straighten.from_dtype = dtype_of(source.weights);
  straighten.to_dtype = options.dtype.value_or(straighten.from_dtype);
  if (!c10::isFloatingType(straighten.to_dtype)) throw InputError("the model's dtype must be a floating type");
  graph::convert(source, straighten.device, straighten.from_dtype, straighten.to_dtype);

  const auto hint = graph::input_hint(source);
  const auto build_at = [&](ImageSize size) -> std::shared_ptr<const Network> {
    try {
      return build(source, 2, size, hint.channels, straighten);
    } catch (const graph::ExecutionError&) {  // perhaps the file holds a batch of one image
      return build(source, 1, size, hint.channels, straighten);
    }
  };
  const auto build_at_own_size = [&]() -> std::shared_ptr<const Network> {
    // Only a run that fails says that a size was wrong; what is refused at one size is refused at all.
    for (const auto& size : hint.candidates) {
      try {
        return build_at(size);
      } catch (const graph::ExecutionError&) {
      }
    }
    return nullptr;
  };
  if (options.input_size) {
    if (options.input_size->height < 1 || options.input_size->width < 1)
      throw InputError("the input size must be positive");
    try {
      return build_at(*options.input_size);
    } catch (const graph::ExecutionError&) {
      const auto own = build_at_own_size();
      if (!own) throw;
      return resize(*own, *options.input_size);
    }
  }
  if (!hint.patches) {
    throw ModelError(
        "no patch embedding was found (a convolution over images [B, C, H, W]); expected a vision tower that takes "
        "images");
  }
  if (auto network = build_at_own_size()) return network;
  // Nothing tells the size. A common one shows whether the model could be explained at all; if so, ask.
  constexpr ImageSize kCommon{224, 224};
  try {
    build_at(kCommon);
  } catch (const graph::ExecutionError&) {
  }
  throw ModelError(
      "the input size cannot be told from the model (no position embedding was found, or it fits no square grid); pass "
      "it: "
      "--size HxW on the command line, LoadOptions::input_size in C++");
}

}  // namespace legrad::model
