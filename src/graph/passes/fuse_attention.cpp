#include "graph/passes/fuse_attention.h"

#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <array>
#include <optional>

#include "graph/ir/operators.h"
#include "graph/ir/writer.h"

namespace legrad::graph {
namespace {

// Copies, casts and layout changes between a softmax and the product with V, or between Q Kᵀ and the softmax.
bool passes_through(const Node* node) {
  for (const char* name : {"to", "type_as", "contiguous", "clone", "detach", "float", "expand_as"}) {
    if (is_aten(node, name)) return true;
  }
  return false;
}

bool is_product(const Node* node) { return is_aten(node, "matmul") || is_aten(node, "bmm"); }

// The one who reads what is in a value; none where there are several.
std::optional<torch::jit::Use> only_use(const Value* value) {
  std::optional<torch::jit::Use> only;
  for (const auto& use : value->uses()) {
    if (reads_shape_only(use.user)) continue;
    if (only) return std::nullopt;
    only = use;
  }
  return only;
}

// The product (softmax) V that a softmax ends in, or none if it is no attention: its numbers are read once at every
// step, or the product would not be all there is of it.
Node* weighted_sum(Node* softmax) {
  const Value* probabilities = softmax->outputs()[0];
  while (const auto use = only_use(probabilities)) {
    if (is_product(use->user) && use->offset == 0) return use->user;
    if (!passes_through(use->user) || use->offset != 0) return nullptr;
    probabilities = use->user->outputs()[0];
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
  std::optional<double> number(const Value* value) const { return number_of(line_, value); }

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
    throw ModelError("an attention whose scores are made in a way we cannot explain: " + describe(node) + ", " + why,
                     Reason::kUnknownAttention);
  }

  const StraightLine& line_;
};

// Writes scaled_dot_product_attention in front of the product with V. Heads that lie in the batch, [B·h, N, e], become
// [1, B·h, N, e] on the way, which the kernels that make no N×N map insist on.
class AttentionWriter {
 public:
  AttentionWriter(StraightLine& line, Node* product) : line_(line), product_(product), write_(line, product) {}

  /// Returns the node; the product's output is replaced by what it gives.
  Node* write(const Scores& scores) {
    Value* values = product_->input(1);
    const bool heads_in_batch = sizes_of(line_, values).size() == 3;
    auto key_fact = line_.facts.at(scores.key_transposed);
    std::swap(key_fact.sizes.end()[-1], key_fact.sizes.end()[-2]);
    Value* keys = write_.call("transpose", {scores.key_transposed, write_.constant(-2), write_.constant(-1)}, key_fact);
    std::array<Value*, 4> parts = {scores.query, keys, values, scores.mask ? scores.mask : write_.none()};
    auto fact = line_.facts.at(product_->output());
    if (heads_in_batch) {
      for (Value*& part : parts) {
        if (sizes_of(line_, part).size() == 3) part = with_batch(part);
      }
      fact.sizes.insert(fact.sizes.begin(), 1);
    }
    Value* context = write_.call("scaled_dot_product_attention",
                                 {parts[0], parts[1], parts[2], parts[3], write_.constant(0.0), write_.constant(false),
                                  write_.constant(scores.scale), write_.constant(false)},
                                 fact);
    Value* made = context;
    if (heads_in_batch) {
      made = write_.call("squeeze", {context, write_.constant(0)}, line_.facts.at(product_->output()));
    }
    product_->output()->replaceAllUsesWith(made);
    return context->node();
  }

 private:
  Value* with_batch(Value* part) {
    auto fact = line_.facts.at(part);
    fact.sizes.insert(fact.sizes.begin(), 1);
    return write_.call("unsqueeze", {part, write_.constant(0)}, fact);
  }

  StraightLine& line_;
  Node* product_;
  Writer write_;
};

void check_over_keys(const StraightLine& line, const Node* softmax) {
  const auto last = static_cast<int64_t>(line.facts.at(softmax->outputs()[0]).sizes.size()) - 1;
  const auto dim = torch::jit::toIValue(softmax->input(1));
  if (!dim || !dim->isInt() || (dim->toInt() != -1 && dim->toInt() != last)) {
    throw ModelError("an attention (" + describe(softmax) + ") whose softmax is not over the keys",
                     Reason::kUnknownAttention);
  }
}

}  // namespace

AttentionForms fuse_attention(StraightLine& line) {
  AttentionForms forms;
  auto softmaxes = find_all(*line.graph, "softmax");
  for (Node* node : find_all(*line.graph, "_softmax")) softmaxes.push_back(node);
  for (Node* softmax : softmaxes) {
    Node* product = weighted_sum(softmax);
    if (!product) continue;
    check_over_keys(line, softmax);
    const auto scores = ScoreReader(line).read(softmax->input(0));
    forms[AttentionWriter(line, product).write(scores)] =
        is_aten(product, "bmm") ? "softmax and bmm" : "softmax and matmul";
  }
  drop_dead_code(line);
  const auto kept = find_all(*line.graph, "scaled_dot_product_attention");
  std::erase_if(forms, [&](const auto& form) { return std::find(kept.begin(), kept.end(), form.first) == kept.end(); });
  return forms;
}

}  // namespace legrad::graph
