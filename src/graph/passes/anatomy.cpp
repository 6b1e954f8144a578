#include "graph/passes/anatomy.h"

#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <cmath>

#include "graph/ir/writer.h"
#include "graph/passes/dependence.h"
#include "graph/passes/join_attention.h"
#include "graph/passes/stream.h"
#include "graph/passes/unfuse_attention.h"

namespace legrad::graph {
namespace {

using Depending = std::unordered_set<const Value*>;

constexpr const char* kNoAttention =
    "no self-attention was found in the model: it is no vision transformer (a CNN?); expected blocks of softmax "
    "attention over patch tokens";

double scale_of(const StraightLine& line, const Node* node) {
  const auto is_on = [&](size_t input) { return number_of(line, node->input(input)).value_or(1) != 0; };
  const auto refuse = [&](const std::string& why, Reason reason) {
    throw ModelError("an attention (" + describe(node) + ") with " + why, reason);
  };
  if (is_on(4)) refuse("dropout: call model.eval() before exporting", Reason::kTrainingMode);
  if (is_on(5)) refuse("a causal mask: a text tower? expected a vision tower", Reason::kUnknownAttention);
  if (node->inputs().size() > 7 && is_on(7)) refuse("grouped queries", Reason::kUnknownAttention);
  const auto given = torch::jit::toIValue(node->input(6));
  if (given && given->isNone()) return 1 / std::sqrt(static_cast<double>(line.facts.at(node->input(0)).sizes.back()));
  const auto scale = number_of(line, node->input(6));
  if (!scale) refuse("a scale that is not one number", Reason::kUnknownAttention);
  return *scale;
}

AttentionSite read_site(const StraightLine& line, Node* node, const AttentionForms& forms, const Depending& depending) {
  AttentionSite site{.node = node, .scale = scale_of(line, node), .form = {}};
  const auto form = forms.find(node);
  site.form = form == forms.end() ? "scaled_dot_product_attention" : form->second;
  if (site.mask() && depending.count(site.mask()) > 0) {
    throw ModelError("an attention (" + describe(node) + ") whose mask depends on the image",
                     Reason::kUnknownAttention);
  }
  const auto& queries = line.facts.at(site.query()).sizes;
  if (queries.size() != 4 || line.facts.at(site.key()).sizes.size() != 4) {
    throw ModelError(
        "an attention (" + describe(node) + ") over queries of shape " + text(queries) + "; expected [B, h, N, e]",
        Reason::kUnknownAttention);
  }
  return site;
}

[[noreturn]] void refuse_without_blocks(const StraightLine& line, const Depending& depending) {
  for (const char* name : {"softmax", "_softmax", "_safe_softmax"}) {
    for (const Node* node : find_all(*line.graph, name)) {
      if (depending.count(node->output()) == 0) continue;
      throw ModelError(
          "a softmax of shape " + text(line.facts.at(node->output()).sizes) + " was found (" + describe(node) +
              "), but no attention of tokens to tokens, softmax(Q Kᵀ) V: its weights are changed before or "
              "after, or it is over channels, windows or a class token's keys alone; such models cannot be "
              "explained",
          Reason::kUnknownAttention);
    }
  }
  throw ModelError(kNoAttention, Reason::kNoAttention);
}

// Tokens that are pooled inside blocks, so that they attend to fewer of them, or between blocks, so that fewer attend.
void refuse_hierarchical(const Anatomy& anatomy, const StraightLine& line, const Depending& depending) {
  for (const auto& site : anatomy.poolers) {
    const int64_t queries = line.facts.at(site.query()).sizes[2];
    const int64_t keys = line.facts.at(site.key()).sizes[2];
    const bool of_tokens = depending.count(site.query()) > 0 && queries > 1;
    if (!of_tokens || (keys > queries && anatomy.poolers.size() == 1)) continue;
    throw ModelError(
        "an attention (" + describe(site.node) + ") of " + std::to_string(queries) + " tokens to " +
            std::to_string(keys) +
            ": the model is hierarchical (PVT, LeViT, Twins, SegFormer, SAM 2 …), which cannot be explained "
            "yet; expected blocks of attention of all tokens to all",
        Reason::kNotOneStream);
  }
}

// Attention whose queries come from the image and are as many as its keys stands in a block; other attention pools.
void find_sites(Anatomy& anatomy, const StraightLine& line, const AttentionForms& forms, const Depending& depending) {
  for (Node* node : find_all(*line.graph, "scaled_dot_product_attention")) {
    if (depending.count(node->output()) == 0) continue;
    const auto site = read_site(line, node, forms, depending);
    const bool self =
        depending.count(site.query()) > 0 && line.facts.at(site.query()).sizes[2] == line.facts.at(site.key()).sizes[2];
    (self ? anatomy.blocks : anatomy.poolers).push_back(site);
  }
  refuse_hierarchical(anatomy, line, depending);
  if (anatomy.blocks.empty()) refuse_without_blocks(line, depending);
  if (anatomy.poolers.size() > 1) {
    throw ModelError("the model has more than one attentional pooler; expected one at most", Reason::kSeveralPoolers);
  }
}

void check_over_all_tokens(const Anatomy& anatomy, const StraightLine& line, int64_t batch, int64_t tokens) {
  for (size_t l = 0; l < anatomy.blocks.size(); ++l) {
    const auto& values = line.facts.at(anatomy.blocks[l].value()).sizes;
    const auto& queries = line.facts.at(anatomy.blocks[l].query()).sizes;
    if (values[2] != tokens || queries[2] != tokens || (values[0] != batch && values[0] != 1)) {
      throw ModelError("the attention of block " + std::to_string(l) + " is over " + text(values) + ", expected all " +
                           std::to_string(tokens) + " tokens of an image [B, h, N, e]" + kNotOneStreamHint,
                       Reason::kNotOneStream);
    }
  }
  if (anatomy.poolers.empty()) return;
  const auto& pooler = anatomy.poolers[0];
  if (pooler.node->isBefore(anatomy.tokens.back()->node())) {
    throw ModelError(
        "an attention (" + describe(pooler.node) + ") inside the blocks that is no self-attention" + kNotOneStreamHint,
        Reason::kNotOneStream);
  }
  const int64_t keys = line.facts.at(pooler.key()).sizes[2];
  if (keys > tokens) {
    throw ModelError("the attentional pooler attends to " + std::to_string(keys) + " tokens, more than the " +
                         std::to_string(tokens) + " there are",
                     Reason::kUnknownAttention);
  }
}

// Puts [B, N, d] between a value [N, B, d] and whoever reads it.
Value* batch_first(StraightLine& line, Value* tokens) {
  Writer write(line, tokens->node()->next());
  const auto transposed = [&](Value* from) {
    auto fact = line.facts.at(from);
    std::swap(fact.sizes.at(0), fact.sizes.at(1));
    return write.call("transpose", {from, write.constant(0), write.constant(1)}, fact);
  };
  Value* inside = transposed(tokens);
  Value* again = transposed(inside);
  tokens->replaceAllUsesWith(again);
  inside->node()->replaceInput(0, tokens);
  return inside;
}

bool is_norm(const Node* node) {
  return is_aten(node, "layer_norm") || is_aten(node, "native_layer_norm") || is_aten(node, "rms_norm");
}

Node* final_norm(const Anatomy& anatomy, const std::vector<Value*>& points) {
  for (Value* point : points) {
    if (is_norm(point->node()) && point->node()->isAfter(anatomy.poolers[0].node)) return point->node();
  }
  for (const auto& use : anatomy.tokens.back()->uses()) {
    if (is_norm(use.user)) return use.user;
  }
  return nullptr;
}

}  // namespace

Value* AttentionSite::mask() const {
  const auto constant = torch::jit::toIValue(node->input(3));
  return constant && constant->isNone() ? nullptr : node->input(3);
}

void check_has_attention(const Source& source) {
  bool found = false;
  for_each_node(*source.graph, [&](const Node* node) {
    found = found || is_fused_attention(node);
    for (const char* name : {"scaled_dot_product_attention", "softmax", "_softmax", "_safe_softmax"}) {
      found = found || is_aten(node, name);
    }
  });
  if (!found) throw ModelError(kNoAttention, Reason::kNoAttention);
}

Anatomy find_anatomy(StraightLine& line, const AttentionForms& forms, const Value* from) {
  const auto depending = depends_on(line, from ? from : line.input());
  Anatomy anatomy;
  find_sites(anatomy, line, forms, depending);

  const auto points = articulation_points(line, depending, from);
  join_side_by_side(anatomy.blocks, line, points);
  std::vector<Node*> attentions;
  for (const auto& block : anatomy.blocks) attentions.push_back(block.node);
  const auto places = find_stream(line, points, depending, attentions);
  for (const size_t place : places) anatomy.tokens.push_back(points[place]);
  for (size_t i = 0; i < places.front(); ++i) {
    if (line.facts.at(points[i]).sizes.size() == 4 && is_convolution(points[i]->node())) anatomy.patches = points[i];
  }

  const auto& shape = line.facts.at(anatomy.tokens.front()).sizes;
  const int64_t batch = line.facts.at(line.input()).sizes[0];
  const bool tokens_first = shape[0] != batch && shape[1] == batch;
  check_over_all_tokens(anatomy, line, batch, shape[tokens_first ? 0 : 1]);
  if (!anatomy.poolers.empty()) anatomy.final_norm = final_norm(anatomy, points);
  if (tokens_first) {
    for (Value*& value : anatomy.tokens) value = batch_first(line, value);
  }
  return anatomy;
}

void skip_final_norm(Anatomy& anatomy) {
  Node* norm = anatomy.final_norm;
  norm->outputs()[0]->replaceAllUsesWith(norm->input(0));
}

}  // namespace legrad::graph
