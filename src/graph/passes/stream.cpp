#include "graph/passes/stream.h"

#include <c10/util/irange.h>
#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <cmath>
#include <sstream>

namespace legrad::graph {
namespace {

// Paths are counted modulo a prime, so that a count that is a multiple of it by chance does not happen.
constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
uint64_t add(uint64_t a, uint64_t b) { return (a + b) % kPrime; }
uint64_t multiply(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b % kPrime);
}

std::string text(const std::vector<int64_t>& sizes) {
  std::ostringstream out;
  out << c10::IntArrayRef(sizes);
  return out.str();
}

// Tensors that every path from the images to the output passes, in the order of the line.
std::vector<Value*> articulation_points(const StraightLine& line, const std::unordered_set<const Value*>& carrying) {
  std::unordered_map<const Value*, uint64_t> from_images;
  std::unordered_map<const Value*, uint64_t> to_output;
  std::vector<Value*> order;
  from_images[line.input()] = 1;
  for (Node* node : line.graph->nodes()) {
    uint64_t paths = 0;
    for (const Value* input : node->inputs()) {
      if (const auto it = from_images.find(input); it != from_images.end()) paths = add(paths, it->second);
    }
    for (Value* output : node->outputs()) {
      if (carrying.count(output) == 0) continue;
      from_images[output] = paths;
      order.push_back(output);
    }
  }
  to_output[line.result()] = 1;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    uint64_t paths = *it == line.result() ? 1 : 0;
    for (const auto& use : (*it)->uses()) {
      for (const Value* output : use.user->outputs()) {
        if (const auto found = to_output.find(output); found != to_output.end() && carrying.count(output) > 0) {
          paths = add(paths, found->second);
        }
      }
    }
    to_output[*it] = paths;
  }
  const uint64_t all = from_images[line.result()];
  std::vector<Value*> points;
  for (Value* value : order) {
    const bool tensor = value->type()->isSubtypeOf(*c10::TensorType::get());
    if (tensor && multiply(from_images[value], to_output[value]) == all) points.push_back(value);
  }
  return points;
}

double scale_of(const StraightLine& line, const Node* node) {
  const auto number = [&](const Value* value) -> std::optional<double> {
    const auto constant = torch::jit::toIValue(value);
    if (constant && constant->isScalar()) return constant->toScalar().toDouble();
    const auto it = line.facts.find(value);
    return it == line.facts.end() ? std::nullopt : it->second.number;
  };
  const auto refuse = [&](const std::string& why) {
    throw ModelError("an attention (" + describe(node) + ") with " + why);
  };
  if (number(node->input(4)).value_or(1) != 0) refuse("dropout: call model.eval() before exporting");
  if (number(node->input(5)).value_or(1) != 0) refuse("a causal mask: a text tower? expected a vision tower");
  if (node->inputs().size() > 7 && number(node->input(7)).value_or(1) != 0) refuse("grouped queries");
  const auto given = torch::jit::toIValue(node->input(6));
  if (given && given->isNone()) return 1 / std::sqrt(static_cast<double>(line.facts.at(node->input(0)).sizes.back()));
  const auto scale = number(node->input(6));
  if (!scale) refuse("a scale that is not one number");
  return *scale;
}

// The places of the tokens in the list of articulation points: Z^0 ... Z^L.
std::vector<size_t> token_places(const std::vector<Value*>& points, const std::vector<AttentionSite>& blocks) {
  std::vector<size_t> places;
  for (const auto& block : blocks) {
    size_t before = points.size();
    for (const auto i : c10::irange(points.size())) {
      if (points[i]->node()->isBefore(block.node)) before = i;
    }
    if (before == points.size())
      throw ModelError("no residual stream leads to the first attention (" + describe(block.node) + ")");
    places.push_back(before);
  }
  return places;
}

// Puts [B, N, d] between a value [N, B, d] and whoever reads it.
Value* batch_first(StraightLine& line, Value* tokens) {
  const auto transposed = [&](Value* from) {
    const torch::jit::WithInsertPoint guard(from->node()->next());
    auto* graph = line.graph.get();
    Node* node = graph->create(c10::Symbol::aten("transpose"),
                               {from, graph->insertConstant(int64_t{0}), graph->insertConstant(int64_t{1})}, 1);
    graph->insertNode(node);
    auto fact = line.facts.at(from);
    std::swap(fact.sizes.at(0), fact.sizes.at(1));
    line.facts[node->output()] = std::move(fact);
    return node->output();
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

std::unordered_set<const Value*> depends_on_input(const StraightLine& line) {
  std::unordered_set<const Value*> carrying = {line.input()};
  for (const Node* node : line.graph->nodes()) {
    if (reads_shape_only(node)) continue;
    bool carries = false;
    for (const Value* input : node->inputs()) carries = carries || carrying.count(input) > 0;
    if (!carries) continue;
    for (const Value* output : node->outputs()) carrying.insert(output);
  }
  return carrying;
}

Anatomy find_anatomy(StraightLine& line, const std::unordered_map<const Node*, std::string>& forms) {
  const auto carrying = depends_on_input(line);
  Anatomy anatomy;
  for (Node* node : line.graph->nodes()) {
    if (!is_aten(node, "scaled_dot_product_attention") || carrying.count(node->output()) == 0) continue;
    AttentionSite site{node, scale_of(line, node), {}};
    const auto form = forms.find(node);
    site.form = form == forms.end() ? "scaled_dot_product_attention" : form->second;
    if (site.mask() && carrying.count(site.mask()) > 0) {
      throw ModelError("an attention (" + describe(node) + ") whose mask depends on the image");
    }
    const auto queries = line.facts.at(site.query()).sizes;
    const auto keys = line.facts.at(site.key()).sizes;
    if (queries.size() != 4 || keys.size() != 4) {
      throw ModelError("an attention (" + describe(node) + ") over queries of shape " + text(queries) +
                       "; expected [B, h, N, e]");
    }
    const bool self = carrying.count(site.query()) > 0 && queries[2] == keys[2];
    (self ? anatomy.blocks : anatomy.poolers).push_back(site);
  }
  if (anatomy.blocks.empty()) {
    throw ModelError(
        "no self-attention was found in the model: it is no vision transformer (a CNN?); expected blocks of "
        "softmax attention over patch tokens");
  }
  if (anatomy.poolers.size() > 1)
    throw ModelError("the model has more than one attentional pooler; expected one at most");

  const auto points = articulation_points(line, carrying);
  auto places = token_places(points, anatomy.blocks);
  const auto shape_at = [&](size_t place) { return line.facts.at(points[place]).sizes; };
  const auto first = shape_at(places.front());
  const std::string hint =
      "; hierarchical, windowed and multi-stream models (Swin, MaxViT, CrossViT …) cannot be explained yet";
  if (first.size() != 3) {
    throw ModelError("the first block's input has shape " + text(first) + ", expected tokens [B, N, d]" + hint);
  }
  // Z^L stands as far behind the last attention as each Z^l behind its own.
  size_t step = 0;
  if (places.size() > 1) {
    step = places[1] - places[0];
  } else {
    for (size_t i = places[0] + 1, adds = 0; i < points.size() && adds < 2; ++i) {
      if (points[i]->node()->isAfter(anatomy.blocks[0].node) && is_aten(points[i]->node(), "add") &&
          shape_at(i) == first) {
        step = i - places[0];
        ++adds;
      }
    }
  }
  if (step == 0 || places.back() + step >= points.size()) {
    throw ModelError(
        "the attention layers do not stand on one residual stream: between the first two of them no value is passed "
        "by every path" +
        hint);
  }
  places.push_back(places.back() + step);
  for (size_t l = 0; l + 1 < places.size(); ++l) {
    const auto shape = shape_at(places[l + 1]);
    if (places[l + 1] - places[l] != step) {
      throw ModelError("block " + std::to_string(l) + " is not built like block 0 (" +
                       std::to_string(places[l + 1] - places[l]) + " steps on the residual stream, expected " +
                       std::to_string(step) + ")" + hint);
    }
    if (shape != first) {
      throw ModelError("block " + std::to_string(l) + " turns tokens of shape " + text(first) + " into " + text(shape) +
                       ", expected one shape for all blocks" + hint);
    }
    for (size_t i = 1; l > 0 && i <= step; ++i) {
      const auto kind = points[places[l] + i]->node()->kind();
      const auto expected = points[places[0] + i]->node()->kind();
      if (kind != expected) {
        throw ModelError("block " + std::to_string(l) + " is not built like block 0 (" +
                         std::string(kind.toQualString()) + " where " + expected.toQualString() + " stands)" + hint);
      }
    }
  }
  const int64_t images = line.facts.at(line.input()).sizes[0];
  const bool tokens_first = first[0] != images && first[1] == images;
  const int64_t batch = images;
  const int64_t tokens = tokens_first ? first[0] : first[1];
  for (size_t l = 0; l < anatomy.blocks.size(); ++l) {
    const auto values = line.facts.at(anatomy.blocks[l].value()).sizes;
    const auto queries = line.facts.at(anatomy.blocks[l].query()).sizes;
    if (values[2] != tokens || queries[2] != tokens || (values[0] != batch && values[0] != 1)) {
      throw ModelError("the attention of block " + std::to_string(l) + " is over " + text(values) + ", expected all " +
                       std::to_string(tokens) + " tokens of an image [B, h, N, e]" + hint);
    }
  }
  for (const size_t place : places) anatomy.tokens.push_back(points[place]);
  for (size_t i = 0; i < places.front(); ++i) {
    if (line.facts.at(points[i]).sizes.size() == 4 && is_convolution(points[i]->node())) anatomy.patches = points[i];
  }
  if (!anatomy.poolers.empty()) {
    const auto& pooler = anatomy.poolers[0];
    if (pooler.node->isBefore(anatomy.tokens.back()->node())) {
      throw ModelError("an attention (" + describe(pooler.node) + ") inside the blocks that is no self-attention" +
                       hint);
    }
    if (line.facts.at(pooler.key()).sizes[2] != tokens) {
      throw ModelError("the attentional pooler attends to " + std::to_string(line.facts.at(pooler.key()).sizes[2]) +
                       " tokens, expected all " + std::to_string(tokens));
    }
  }
  if (!anatomy.poolers.empty()) anatomy.final_norm = final_norm(anatomy, points);
  if (tokens_first) {
    for (Value*& value : anatomy.tokens) value = batch_first(line, value);
  }
  return anatomy;
}

}  // namespace legrad::graph
