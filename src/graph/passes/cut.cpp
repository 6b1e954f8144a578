#include "graph/passes/cut.h"

#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <unordered_set>

#include "graph/ir/operators.h"
#include "graph/ir/writer.h"
#include "graph/passes/activations.h"
#include "graph/passes/dependence.h"

namespace legrad::graph {
namespace {

// A copy of a piece of the line, and where each of the line's values went.
struct Piece {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  std::unordered_map<const Value*, Value*> copies;
};

// What a piece is cut along: its inputs, and where sizes are read from. A size of a tensor outside the piece is the
// size of an input of the same shape, so that it follows the piece's own batch and rows.
class Seam {
 public:
  Seam(const StraightLine& line, const std::vector<Value*>& inputs)
      : line_(line), inputs_(inputs), carrying_(depends_on_input(line)), inside_(inputs.begin(), inputs.end()) {
    for (const Node* node : line.graph->nodes()) {
      const auto is_inside = [&](const Value* value) { return inside_.count(value) > 0; };
      if (std::none_of(node->inputs().begin(), node->inputs().end(), is_inside)) continue;
      inside_.insert(node->outputs().begin(), node->outputs().end());
    }
  }

  bool is_input(const Value* value) const { return std::find(inputs_.begin(), inputs_.end(), value) != inputs_.end(); }

  /// The value a node reads in the piece in place of `value`.
  const Value* stand_in(const Node* node, const Value* value) const {
    if (!reads_shape_only(node) || is_input(value) || value == line_.input() || carrying_.count(value) == 0) {
      return value;
    }
    const auto fact = line_.facts.find(value);
    if (fact == line_.facts.end()) return value;
    // What makes a tensor like another one takes its type too.
    const auto is_alike = [&](const Value* other) {
      const auto& of_other = line_.facts.at(other);
      return of_other.sizes == fact->second.sizes && (is_aten(node, "size") || of_other.dtype == fact->second.dtype);
    };
    for (const Value* input : inputs_) {
      if (is_alike(input)) return input;
    }
    return is_alike(line_.input()) ? line_.input() : value;
  }

  /// The sizes of a tensor [B, ...] outside the piece, which no input has, if a node asks for them: all but the first
  /// do not depend on the batch. Those of one without a batch, as a model has it that takes its images apart, do not
  /// either. Empty otherwise.
  std::vector<int64_t> outer_sizes(const Node* node) const {
    if (!is_aten(node, "size")) return {};
    const Value* value = node->input(0);
    const bool outside = inside_.count(value) == 0 && value != line_.input() && carrying_.count(value) > 0;
    if (!outside || stand_in(node, value) != value) return {};
    const auto fact = line_.facts.find(value);
    if (fact == line_.facts.end() || fact->second.sizes.empty()) return {};
    const int64_t batch = line_.facts.at(line_.input()).sizes[0];
    const auto& sizes = fact->second.sizes;
    return sizes[0] == batch || asks_for_none_of(node, sizes, batch) ? sizes : std::vector<int64_t>();
  }

 private:
  // Whether a node asks for one size behind the first, which is not the batch's.
  static bool asks_for_none_of(const Node* node, const std::vector<int64_t>& sizes, int64_t batch) {
    const auto dim = node->inputs().size() == 2 ? torch::jit::toIValue(node->input(1)) : std::nullopt;
    if (!dim || !dim->isInt()) return false;
    const auto at = dim->toInt() < 0 ? dim->toInt() + static_cast<int64_t>(sizes.size()) : dim->toInt();
    return at > 0 && sizes.at(static_cast<size_t>(at)) != batch;
  }

  const StraightLine& line_;
  const std::vector<Value*>& inputs_;
  std::unordered_set<const Value*> carrying_;
  std::unordered_set<const Value*> inside_;  // the inputs, and what follows from them
};

// The nodes that `outputs` need and the seam's inputs do not give, in the line's order.
std::vector<Node*> needed(const StraightLine& line, const Seam& seam, const std::vector<Value*>& outputs) {
  std::unordered_set<const Value*> wanted;
  const auto want = [&](const Value* value) {
    if (!seam.is_input(value)) wanted.insert(value);
  };
  for (const Value* output : outputs) want(output);
  std::vector<Node*> nodes;
  for (Node* node : line.graph->nodes().reverse()) {
    const auto is_wanted = [&](const Value* value) { return wanted.count(value) > 0; };
    if (std::none_of(node->outputs().begin(), node->outputs().end(), is_wanted)) continue;
    nodes.push_back(node);
    if (!seam.outer_sizes(node).empty()) continue;
    for (const Value* input : node->inputs()) want(seam.stand_in(node, input));
  }
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

// What a node asking for sizes gives, written out, with the batch of the input.
Value* written_sizes(Graph& graph, const Node* node, const std::vector<int64_t>& sizes, Value* line_input) {
  Writer write(graph);
  const auto size = [&](size_t at) {
    return at > 0 ? write.constant(sizes.at(at)) : write.call("size", {line_input, write.constant(0)});
  };
  if (node->inputs().size() == 2) {
    const auto dim = torch::jit::toIValue(node->input(1)).value().toInt();
    return size(static_cast<size_t>(dim < 0 ? dim + static_cast<int64_t>(sizes.size()) : dim));
  }
  std::vector<Value*> list;
  for (size_t at = 0; at < sizes.size(); ++at) list.push_back(size(at));
  return write.list(list);
}

// A view to another shape, which only an input with the file's own strides has: in a piece it may have others.
bool is_view(const Node* node) {
  return is_aten(node, "view") && node->inputs().size() == 2 &&
         node->input(1)->type()->kind() == c10::TypeKind::ListType;
}

Piece copy_piece(const StraightLine& line, const std::vector<Value*>& inputs, const std::vector<Value*>& outputs,
                 const std::string& name) {
  const Seam seam(line, inputs);
  Piece piece;
  const auto add_input = [&](const Value* value) {
    Value* input = piece.graph->addInput();
    input->setType(value->type());
    return input;
  };
  for (const Value* value : inputs) piece.copies[value] = add_input(value);
  piece.copies.emplace(line.input(), add_input(line.input()));
  for (Node* node : needed(line, seam, outputs)) {
    if (const auto sizes = seam.outer_sizes(node); !sizes.empty()) {
      piece.copies[node->output()] = written_sizes(*piece.graph, node, sizes, piece.copies.at(line.input()));
      continue;
    }
    std::vector<Value*> copied;
    for (const Value* input : node->inputs()) {
      if (input == line.input() && !seam.is_input(input) && !reads_shape_only(node)) {
        throw ModelError(name + " depends on the images by another way than its tokens (" + describe(node) + ")",
                         Reason::kNotOneStream);
      }
      copied.push_back(piece.copies.at(seam.stand_in(node, input)));
    }
    Node* made = nullptr;
    if (is_view(node)) {
      made = Writer(*piece.graph).call("reshape", copied)->node();
      made->setScope(node->scope());
    } else {
      made = Writer(*piece.graph).copy(node, copied);
    }
    for (size_t i = 0; i < node->outputs().size(); ++i) piece.copies[node->outputs()[i]] = made->outputs()[i];
  }
  return piece;
}

// Builds the mean over tokens of a value of the piece, [B, N, k] -> [B, 1, k], as a graph of its own. Its inputs are
// means that the piece then gives as further outputs.
class MeanPusher {
 public:
  MeanPusher(const StraightLine& line, const Piece& piece)
      : line_(line), piece_(piece), graph_(std::make_shared<Graph>()), write_(*graph_), write_in_piece_(*piece.graph) {}

  std::shared_ptr<Graph> push(Value* tokens) {
    graph_->registerOutput(mean(tokens));
    return graph_;
  }

 private:
  Value* mean(Value* value) {
    Node* node = value->node();
    const bool only_here = std::count_if(value->uses().begin(), value->uses().end(), [&](const auto& use) {
                             return piece_.copies.count(use.user->outputs()[0]) > 0;
                           }) <= 1;
    if (is_tokens(value) && is_made_here(value) && only_here) {
      if (is_aten(node, "add") && node->inputs().size() == 3 && is_term(node->input(0)) && is_term(node->input(1)) &&
          is_same_for_tokens(node->input(2))) {
        return call(node, {term(node->input(0)), term(node->input(1)), copy(node->input(2))});
      }
      if (is_aten(node, "mul") && is_same_for_tokens(node->input(1)) && is_tokens(node->input(0))) {
        return call(node, {mean(node->input(0)), copy(node->input(1))});
      }
      if (is_aten(node, "linear") && is_tokens(node->input(0)) && is_constant(node->input(1)) &&
          is_constant(node->input(2))) {
        return call(node, {mean(node->input(0)), copy(node->input(1)), copy(node->input(2))});
      }
    }
    return mean_in_piece(value);
  }

  bool is_term(const Value* value) const { return is_same_for_tokens(value) || is_tokens(value); }

  // One side of an add: tokens, or something that is the same for all tokens.
  Value* term(Value* value) { return is_same_for_tokens(value) ? copy(value) : mean(value); }

  // In the piece, and not one of its inputs.
  bool is_made_here(const Value* value) const {
    const auto copy = piece_.copies.find(value);
    return copy != piece_.copies.end() && copy->second->node()->kind() != prim::Param;
  }

  static bool is_constant(const Value* value) { return torch::jit::toIValue(value).has_value(); }

  static bool is_same_for_tokens(const Value* value) {
    const auto constant = torch::jit::toIValue(value);
    if (!constant) return false;
    if (!constant->isTensor()) return true;
    const auto sizes = constant->toTensor().sizes();
    return sizes.size() <= 1 || std::all_of(sizes.begin(), sizes.end() - 1, [](int64_t size) { return size == 1; });
  }

  bool is_tokens(const Value* value) const {
    const auto it = line_.facts.find(value);
    return it != line_.facts.end() && it->second.sizes.size() == 3;
  }

  Value* copy(const Value* constant) { return write_.constant(torch::jit::toIValue(constant).value()); }

  Value* call(Node* like, const std::vector<Value*>& inputs) { return write_.copy(like, inputs)->output(); }

  Value* mean_in_piece(const Value* value) {
    auto& write = write_in_piece_;
    piece_.graph->registerOutput(write.call("mean", {piece_.copies.at(value), write.constant(std::vector<int64_t>{1}),
                                                     write.constant(true), write.none()}));
    return graph_->addInput();
  }

  const StraightLine& line_;
  const Piece& piece_;
  std::shared_ptr<Graph> graph_;
  Writer write_;
  Writer write_in_piece_;
};

}  // namespace

Program cut(const StraightLine& line, const std::vector<Value*>& inputs, const std::vector<Value*>& outputs,
            const std::string& name) {
  auto piece = copy_piece(line, inputs, outputs, name);
  for (const Value* output : outputs) piece.graph->registerOutput(piece.copies.at(output));
  recompose_activations(*piece.graph);
  return {std::move(piece.graph), name};
}

TailWithMeans cut_with_means(const StraightLine& line, const std::vector<Value*>& inputs, Value* tokens,
                             const std::string& name) {
  auto piece = copy_piece(line, inputs, {tokens}, name);
  piece.graph->registerOutput(piece.copies.at(tokens));
  auto mean = MeanPusher(line, piece).push(tokens);
  recompose_activations(*piece.graph);
  return {{std::move(piece.graph), name}, {std::move(mean), name + ", their mean"}};
}

}  // namespace legrad::graph
