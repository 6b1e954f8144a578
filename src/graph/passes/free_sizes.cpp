#include "graph/passes/free_sizes.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <limits>

#include "graph/ir/writer.h"
#include "graph/passes/dependence.h"

namespace legrad::graph {
namespace {

class SizeFreer {
 public:
  explicit SizeFreer(StraightLine& line) : line_(line), carrying_(depends_on_input(line)) {}

  void run() {
    auto nodes = line_.graph->nodes();
    for (auto it = nodes.begin(); it != nodes.end(); ++it) {
      Node* node = *it;
      if (node->inputs().empty() || carrying_.count(node->input(0)) == 0) continue;
      if (is_aten(node, "view") || is_aten(node, "reshape") || is_aten(node, "_unsafe_view")) free_reshape(node);
      if (is_aten(node, "expand")) free_expand(node);
      if (is_aten(node, "slice")) free_slice(node);
    }
  }

 private:
  // Walks along both shapes, from dimension to dimension, or from several that become one, or one that becomes several.
  void free_reshape(Node* node) {
    const auto& from = sizes(node->input(0));
    const auto& to = sizes(node->output());
    auto list = elements(node->input(1));
    if (list.size() != to.size()) return;
    Writer write(line_, node);
    size_t i = 0;
    size_t k = 0;
    while (i < from.size() && k < to.size()) {
      size_t i_end = i + 1;
      size_t k_end = k + 1;
      int64_t left = from[i];
      int64_t right = to[k];
      while (left != right) {
        if (left < right && i_end < from.size()) {
          left *= from[i_end++];
        } else if (right < left && k_end < to.size()) {
          right *= to[k_end++];
        } else {
          return replace(node, list);
        }
      }
      if (k_end == k + 1 && right != 1 && is_number(list[k], right))
        list[k] = product(write, node->input(0), from, i, i_end);
      if (k_end > k + 1 && i_end == i + 1) free_split(write, node->input(0), i, left, to, list, k, k_end);
      i = i_end;
      k = k_end;
    }
    replace(node, list);
  }

  Value* product(Writer& write, Value* tensor, const std::vector<int64_t>& from, size_t first, size_t end) {
    Value* made = size(write, tensor, first, from[first]);
    int64_t number = from[first];
    for (size_t at = first + 1; at < end; ++at) {
      number *= from[at];
      made = write.call("mul", {made, size(write, tensor, at, from[at])}, fact(number));
    }
    return made;
  }

  // One dimension becomes several, of which one follows the batch already: a constant one before it is what is left.
  void free_split(Writer& write, Value* tensor, size_t at, int64_t whole, const std::vector<int64_t>& to,
                  std::vector<Value*>& list, size_t first, size_t end) {
    const bool follows = std::any_of(list.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                                     list.begin() + static_cast<std::ptrdiff_t>(end),
                                     [](const Value* value) { return !torch::jit::toIValue(value); });
    if (!follows || !is_number(list[first], to[first])) return;
    Value* rest = list[first + 1];
    int64_t number = to[first + 1];
    for (size_t k = first + 2; k < end; ++k) {
      number *= to[k];
      rest = write.call("mul", {rest, list[k]}, fact(number));
    }
    list[first] = write.call("floordiv", {size(write, tensor, at, whole), rest}, fact(to[first]));
  }

  void free_expand(Node* node) {
    const auto& from = sizes(node->input(0));
    const auto& to = sizes(node->output());
    auto list = elements(node->input(1));
    if (list.size() != to.size() || from.size() != to.size()) return;
    Writer write(line_, node);
    for (size_t at = 0; at < to.size(); ++at) {
      if (from[at] == to[at] && is_number(list[at], to[at])) list[at] = write.constant(-1);
    }
    replace(node, list);
  }

  void free_slice(Node* node) {
    const auto dim = torch::jit::toIValue(node->input(1));
    const auto end = torch::jit::toIValue(node->input(3));
    if (!dim || !dim->isInt() || !end || !end->isInt()) return;
    const auto& from = sizes(node->input(0));
    const auto at = dim->toInt() < 0 ? dim->toInt() + static_cast<int64_t>(from.size()) : dim->toInt();
    if (end->toInt() < from.at(at) || from[at] == 1) return;
    node->replaceInput(3, Writer(line_, node).constant(std::numeric_limits<int64_t>::max()));
  }

  // A list of sizes as single values; empty where it is neither constant nor made here.
  std::vector<Value*> elements(Value* list) {
    if (list->node()->kind() == prim::ListConstruct) return list->node()->inputs().vec();
    const auto constant = torch::jit::toIValue(list);
    std::vector<Value*> values;
    if (!constant || !constant->isIntList()) return values;
    Writer write(line_, list->node());
    for (const int64_t number : constant->toIntVector()) values.push_back(write.constant(number));
    return values;
  }

  void replace(Node* node, const std::vector<Value*>& list) {
    if (node->input(1)->node()->kind() == prim::ListConstruct &&
        std::equal(list.begin(), list.end(), node->input(1)->node()->inputs().begin())) {
      return;
    }
    node->replaceInput(1, Writer(line_, node).list(list));
  }

  // Whether a size is written as this number, or computed to be it.
  bool is_number(const Value* value, int64_t number) const {
    if (const auto constant = torch::jit::toIValue(value)) return constant->isInt() && constant->toInt() == number;
    const auto fact = line_.facts.find(value);
    return fact != line_.facts.end() && fact->second.number == static_cast<double>(number);
  }

  static Fact fact(int64_t number) {
    Fact fact;
    fact.number = static_cast<double>(number);
    return fact;
  }

  static Value* size(Writer& write, Value* tensor, size_t dim, int64_t number) {
    return write.call("size", {tensor, write.constant(static_cast<int64_t>(dim))}, fact(number));
  }

  const std::vector<int64_t>& sizes(const Value* value) const { return line_.facts.at(value).sizes; }

  StraightLine& line_;
  std::unordered_set<const Value*> carrying_;
};

}  // namespace

void free_sizes(StraightLine& line) {
  SizeFreer(line).run();
  drop_dead_code(line);
}

}  // namespace legrad::graph
