#include "graph/passes/unfuse_attention.h"

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/passes/inliner.h>

namespace legrad::graph {
namespace {

constexpr const char* kFused = "_native_multi_head_attention";

constexpr const char* kMultiHeadAttention = R"(
def attention(query: Tensor, key: Tensor, value: Tensor, width: int, heads: int, qkv_weight: Tensor, qkv_bias: Tensor,
              out_weight: Tensor, out_bias: Tensor, mask: Optional[Tensor]):
    assert mask is None, "a fused attention with a mask cannot be explained"
    assert (query is key) and (key is value), "a fused attention of other keys or values cannot be explained"
    batch, tokens, _ = query.shape
    qkv = torch.linear(query, qkv_weight, qkv_bias).reshape(batch, tokens, 3, heads, width // heads)
    qkv = qkv.permute(2, 0, 3, 1, 4)
    context = torch.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
    return torch.linear(context.transpose(1, 2).reshape(batch, tokens, width), out_weight, out_bias)
)";

}  // namespace

Source unfuse_attention(const Source& source) {
  if (find_all(*source.graph, kFused).empty()) return source;
  auto unfused = source;
  unfused.graph = source.graph->copy();
  auto& graph = *unfused.graph;
  torch::jit::CompilationUnit unit;
  unit.define(std::nullopt, kMultiHeadAttention, torch::jit::nativeResolver(), nullptr);
  const auto plain = torch::jit::toGraphFunction(unit.get_function("attention")).graph();
  torch::jit::Inline(*plain);
  for (Node* node : find_all(graph, kFused)) {
    const torch::jit::WithInsertPoint guard(node);
    const auto made = torch::jit::insertGraph(graph, *plain, node->inputs().slice(0, 10));
    node->outputs()[0]->replaceAllUsesWith(made.at(0));
    // The second output, attention weights, is asked for by nobody who could be explained; an empty tensor stands
    // there.
    if (node->outputs()[1]->hasUses()) node->outputs()[1]->replaceAllUsesWith(made.at(0));
    node->destroy();
  }
  return unfused;
}

}  // namespace legrad::graph
