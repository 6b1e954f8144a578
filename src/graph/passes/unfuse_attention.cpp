#include "graph/passes/unfuse_attention.h"

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <array>

namespace legrad::graph {
namespace {

// An operator, the function that takes its place, and how many of its inputs that reads.
struct Fused {
  const char* name;
  const char* function;
  size_t inputs;
};
constexpr std::array<Fused, 2> kFused = {
    {{"_native_multi_head_attention", "attention", 10}, {"_transformer_encoder_layer_fwd", "encoder_layer", 19}}};

constexpr const char* kParts = R"(
def attention(query: Tensor, key: Tensor, value: Tensor, width: int, heads: int, qkv_weight: Tensor, qkv_bias: Tensor,
              out_weight: Tensor, out_bias: Tensor, mask: Optional[Tensor]):
    assert mask is None, "a fused attention with a mask cannot be explained"
    assert (query is key) and (key is value), "a fused attention of other keys or values cannot be explained"
    batch, tokens, _ = query.shape
    qkv = torch.linear(query, qkv_weight, qkv_bias).reshape(batch, tokens, 3, heads, width // heads)
    qkv = qkv.permute(2, 0, 3, 1, 4)
    context = torch.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
    return torch.linear(context.transpose(1, 2).reshape(batch, tokens, width), out_weight, out_bias)

def encoder_layer(x: Tensor, width: int, heads: int, qkv_weight: Tensor, qkv_bias: Tensor, out_weight: Tensor,
                  out_bias: Tensor, gelu: bool, norm_first: bool, eps: float, weight_1: Tensor, bias_1: Tensor,
                  weight_2: Tensor, bias_2: Tensor, wide_weight: Tensor, wide_bias: Tensor, narrow_weight: Tensor,
                  narrow_bias: Tensor, mask: Optional[Tensor]):
    y = x
    if norm_first:
        y = torch.layer_norm(y, [width], weight_1, bias_1, eps)
    x = x + attention(y, y, y, width, heads, qkv_weight, qkv_bias, out_weight, out_bias, mask)
    if norm_first:
        y = torch.layer_norm(x, [width], weight_2, bias_2, eps)
    else:
        x = torch.layer_norm(x, [width], weight_1, bias_1, eps)
        y = x
    y = torch.linear(y, wide_weight, wide_bias)
    y = torch.gelu(y) if gelu else torch.relu(y)
    x = x + torch.linear(y, narrow_weight, narrow_bias)
    if not norm_first:
        x = torch.layer_norm(x, [width], weight_2, bias_2, eps)
    return x
)";

void replace(Graph& graph, Node* node, Graph& parts, size_t inputs) {
  const torch::jit::WithInsertPoint guard(node);
  const auto made = torch::jit::insertGraph(graph, parts, node->inputs().slice(0, inputs));
  // An attention's second output, its weights, is asked for by nobody who could be explained; an empty tensor stands
  // there.
  for (Value* output : node->outputs()) output->replaceAllUsesWith(made.at(0));
  node->destroy();
}

}  // namespace

bool is_fused_attention(const Node* node) {
  return std::ranges::any_of(kFused, [&](const Fused& fused) { return is_aten(node, fused.name); });
}

Source unfuse_attention(const Source& source) {
  bool any = false;
  for_each_node(*source.graph, [&](const Node* node) { any = any || is_fused_attention(node); });
  if (!any) return source;
  auto unfused = source;
  unfused.graph = source.graph->copy();
  torch::jit::CompilationUnit unit;
  unit.define(std::nullopt, kParts, torch::jit::nativeResolver(), nullptr);
  for (const auto& fused : kFused) {
    const auto parts = torch::jit::toGraphFunction(unit.get_function(fused.function)).graph();
    torch::jit::Inline(*parts);
    for (Node* node : find_all(*unfused.graph, fused.name)) replace(*unfused.graph, node, *parts, fused.inputs);
  }
  return unfused;
}

}  // namespace legrad::graph
