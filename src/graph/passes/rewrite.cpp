#include "graph/passes/rewrite.h"

#include <legrad/error.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir_views.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <array>
#include <cmath>
#include <functional>

namespace legrad::graph {
namespace {

constexpr const char* kMultiHeadAttention = R"(
def attention(query: Tensor, key: Tensor, value: Tensor, width: int, heads: int, qkv_weight: Tensor, qkv_bias: Tensor,
              out_weight: Tensor, out_bias: Tensor, mask: Optional[Tensor]):
    assert mask is None, "a fused attention with a mask cannot be explained"
    assert (query is key) and (key is value), "a fused attention whose query is not its key and value cannot be explained"
    batch, tokens, _ = query.shape
    qkv = torch.linear(query, qkv_weight, qkv_bias).reshape(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    context = torch.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
    return torch.linear(context.transpose(1, 2).reshape(batch, tokens, width), out_weight, out_bias)
)";

std::vector<Node*> find_all(Graph& graph, const char* name) {
  std::vector<Node*> found;
  const std::function<void(torch::jit::Block*)> visit = [&](torch::jit::Block* block) {
    for (Node* node : block->nodes()) {
      if (is_aten(node, name)) found.push_back(node);
      for (auto* inner : node->blocks()) visit(inner);
    }
  };
  visit(graph.block());
  return found;
}

// Copies, casts and layout changes between a softmax and the product with V, or between Q Kᵀ and the softmax.
bool passes_through(const Node* node) {
  for (const char* name : {"to", "type_as", "contiguous", "clone", "detach", "float", "expand_as"}) {
    if (is_aten(node, name)) return true;
  }
  return false;
}

bool is_product(const Node* node) { return is_aten(node, "matmul") || is_aten(node, "bmm"); }

// The product (softmax) V that a softmax ends in, or none if it is no attention.
Node* weighted_sum(Node* softmax) {
  Value* probabilities = softmax->outputs()[0];
  for (bool walked = true; walked;) {
    walked = false;
    for (const auto& use : probabilities->uses()) {
      if (is_product(use.user) && use.offset == 0) return use.user;
    }
    for (const auto& use : probabilities->uses()) {
      if (passes_through(use.user)) {
        probabilities = use.user->outputs()[0];
        walked = true;
        break;
      }
    }
  }
  return nullptr;
}

struct Scores {
  Value* query = nullptr;
  Value* key_transposed = nullptr;
  Value* mask = nullptr;
  double scale = 1;
};

class ScoreReader {
 public:
  explicit ScoreReader(const StraightLine& line) : line_(line) {}

  // Walks back from a softmax's input over masks, scales and casts to the product Q Kᵀ.
  Scores read(Value* value) const {
    Scores scores;
    double scale_after_mask = 1;
    while (true) {
      Node* node = value->node();
      if (passes_through(node)) {
        value = node->input(0);
      } else if (is_aten(node, "mul") || is_aten(node, "div")) {
        const bool divide = is_aten(node, "div");
        auto factor = number(node->input(1));
        Value* rest = node->input(0);
        if (!factor && !divide) {
          factor = number(node->input(0));
          rest = node->input(1);
        }
        if (!factor) refuse(node, "a factor that is not one number");
        (scores.mask ? scores.scale : scale_after_mask) *= divide ? 1 / *factor : *factor;
        value = rest;
      } else if (is_aten(node, "add") && node->inputs().size() == 3) {
        if (scores.mask) refuse(node, "two masks");
        if (number(node->input(2)).value_or(0) != 1) refuse(node, "an add with alpha");
        const bool left = leads_to_product(node->input(0));
        scores.mask = node->input(left ? 1 : 0);
        value = node->input(left ? 0 : 1);
        if (!leads_to_product(value)) refuse(node, "a sum of which no side is a product of queries and keys");
      } else if (is_product(node)) {
        scores.query = node->input(0);
        scores.key_transposed = node->input(1);
        break;
      } else if (is_aten(node, "baddbmm")) {
        const auto beta = number(node->input(3)).value_or(0);
        if (beta != 0) {
          if (scores.mask || beta != 1) refuse(node, "two masks");
          scores.mask = node->input(0);
        }
        (scores.mask ? scores.scale : scale_after_mask) *= number(node->input(4)).value_or(1);
        scores.query = node->input(1);
        scores.key_transposed = node->input(2);
        break;
      } else {
        refuse(node, "expected a product of queries and keys, with a scale and a mask at most");
      }
    }
    if (scores.mask && scale_after_mask != 1) refuse(scores.mask->node(), "a mask that is scaled with the scores");
    if (!scores.mask) scores.scale = scale_after_mask;
    return scores;
  }

 private:
  std::optional<double> number(const Value* value) const {
    if (const auto constant = torch::jit::toIValue(value)) {
      if (constant->isScalar() && !constant->isComplexDouble()) return constant->toScalar().toDouble();
      if (constant->isTensor() && constant->toTensor().numel() == 1) return constant->toTensor().item().toDouble();
    }
    const auto it = line_.facts.find(value);
    return it == line_.facts.end() ? std::nullopt : it->second.number;
  }

  bool leads_to_product(const Value* value) const {
    const Node* node = value->node();
    if (is_product(node) || is_aten(node, "baddbmm")) return true;
    if (passes_through(node) || is_aten(node, "mul") || is_aten(node, "div") || is_aten(node, "add")) {
      for (const Value* input : node->inputs()) {
        if (leads_to_product(input)) return true;
      }
    }
    return false;
  }

  [[noreturn]] static void refuse(const Node* node, const std::string& why) {
    throw ModelError("an attention whose scores are made in a way we cannot explain: " + describe(node) + ", " + why);
  }

  const StraightLine& line_;
};

// Builds scaled_dot_product_attention in front of a node. Merged heads, [B·h, N, e], become [1, B·h, N, e] on the way, which
// the kernels that make no N×N map insist on.
class AttentionBuilder {
 public:
  AttentionBuilder(StraightLine& line, Node* before) : line_(line), guard_(before) {}

  Value* build(const Scores& scores, Value* value, Value* replaced) {
    const bool heads_in_batch = sizes(value).size() == 3;
    Value* key = call("transpose", {scores.key_transposed, constant(-2), constant(-1)});
    auto key_fact = line_.facts.at(scores.key_transposed);
    std::swap(key_fact.sizes.end()[-1], key_fact.sizes.end()[-2]);
    line_.facts[key] = key_fact;
    std::array<Value*, 4> parts = {scores.query, key, value, scores.mask ? scores.mask : none()};
    if (heads_in_batch) {
      for (size_t i = 0; i < parts.size(); ++i) {
        if (i == 3 && (!scores.mask || sizes(scores.mask).size() != 3)) continue;
        auto shape = line_.facts.at(parts[i]);
        shape.sizes.insert(shape.sizes.begin(), 1);
        parts[i] = call("unsqueeze", {parts[i], constant(0)});
        line_.facts[parts[i]] = shape;
      }
    }
    Value* context = call("scaled_dot_product_attention", {parts[0], parts[1], parts[2], parts[3], constant(0.0),
                                                           constant(false), constant(scores.scale), constant(false)});
    attention = context->node();
    auto fact = line_.facts.at(replaced);
    auto shape = fact;
    if (heads_in_batch) shape.sizes.insert(shape.sizes.begin(), 1);
    line_.facts[context] = shape;
    if (!heads_in_batch) return context;
    Value* squeezed = call("squeeze", {context, constant(0)});
    line_.facts[squeezed] = fact;
    return squeezed;
  }

  Node* attention = nullptr;

 private:
  const std::vector<int64_t>& sizes(const Value* value) const {
    static const std::vector<int64_t> unknown;
    const auto it = line_.facts.find(value);
    return it == line_.facts.end() ? unknown : it->second.sizes;
  }
  Value* constant(const c10::IValue& value) { return line_.graph->insertConstant(value); }
  Value* none() { return line_.graph->insertConstant(c10::IValue()); }
  Value* call(const char* name, const std::vector<Value*>& inputs) {
    Node* node = line_.graph->create(c10::Symbol::aten(name), inputs, 1);
    line_.graph->insertNode(node);
    node->output()->setType(c10::TensorType::get());
    node->getOperator();  // throws if LibTorch has no such operator
    return node->output();
  }

  StraightLine& line_;
  torch::jit::WithInsertPoint guard_;
};

}  // namespace

void unfuse_attention(Graph& graph) {
  const auto fused = find_all(graph, "_native_multi_head_attention");
  if (fused.empty()) return;
  torch::jit::CompilationUnit unit;
  unit.define(std::nullopt, kMultiHeadAttention, torch::jit::nativeResolver(), nullptr);
  const auto plain = torch::jit::toGraphFunction(unit.get_function("attention")).graph();
  torch::jit::Inline(*plain);
  for (Node* node : fused) {
    const torch::jit::WithInsertPoint guard(node);
    const auto made = torch::jit::insertGraph(graph, *plain, node->inputs().slice(0, 10));
    node->outputs()[0]->replaceAllUsesWith(made.at(0));
    // The second output, attention weights, is asked for by nobody who could be explained; an empty tensor stands there.
    if (node->outputs()[1]->hasUses()) node->outputs()[1]->replaceAllUsesWith(made.at(0));
    node->destroy();
  }
}

std::unordered_map<const Node*, std::string> fuse_attention(StraightLine& line) {
  std::unordered_map<const Node*, std::string> forms;
  auto softmaxes = find_all(*line.graph, "softmax");
  for (Node* node : find_all(*line.graph, "_softmax")) softmaxes.push_back(node);
  for (Node* softmax : softmaxes) {
    Node* product = weighted_sum(softmax);
    if (!product) continue;
    const auto& shape = line.facts.at(softmax->outputs()[0]).sizes;
    const auto dim = torch::jit::toIValue(softmax->input(1));
    const auto last = static_cast<int64_t>(shape.size()) - 1;
    if (!dim || !dim->isInt() || (dim->toInt() != -1 && dim->toInt() != last)) {
      throw ModelError("an attention (" + describe(softmax) + ") whose softmax is not over the keys");
    }
    const auto scores = ScoreReader(line).read(softmax->input(0));
    AttentionBuilder builder(line, product);
    Value* context = builder.build(scores, product->input(1), product->output());
    product->output()->replaceAllUsesWith(context);
    forms[builder.attention] = is_aten(product, "bmm") ? "softmax and bmm" : "softmax and matmul";
  }
  drop_dead_code(line);
  std::erase_if(forms, [&](const auto& form) {
    for (const Node* node : line.graph->nodes()) {
      if (node == form.first) return false;
    }
    return true;
  });
  return forms;
}

}  // namespace legrad::graph
