#include "graph/free_sizes.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <limits>

#include "graph/stream.h"

namespace legrad::graph {
namespace {

class SizeFreer {
 public:
  explicit SizeFreer(StraightLine& line) : line_(line), carrying_(carriers(line)) {}

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
  void free_reshape(Node* node) {
    const auto& from = sizes(node->input(0));
    const auto& to = sizes(node->output());
    auto list = elements(node->input(1));
    if (list.size() != to.size()) return;
    const torch::jit::WithInsertPoint guard(node);
    const auto free = [&](size_t at, const auto& make) {
      if (is_number(list[at], to[at])) list[at] = make();
    };
    size_t leading = 0;
    while (leading < from.size() && leading < to.size() && from[leading] == to[leading]) {
      if (to[leading] != 1) free(leading, [&] { return size(node->input(0), leading, to[leading]); });
      ++leading;
    }
    size_t trailing = 0;
    while (leading + trailing < from.size() && leading + trailing < to.size() &&
           from.end()[-1 - static_cast<int64_t>(trailing)] == to.end()[-1 - static_cast<int64_t>(trailing)]) {
      const size_t at = from.size() - 1 - trailing;
      if (from[at] != 1) free(to.size() - 1 - trailing, [&] { return size(node->input(0), at, from[at]); });
      ++trailing;
    }
    // Some neighbours become one, as rows and columns of patches do.
    if (leading + trailing + 1 == to.size() && leading + trailing + 1 < from.size() && trailing == 0 && leading > 0) {
      free(leading, [&] {
        Value* product = size(node->input(0), leading, from[leading]);
        int64_t number = from[leading];
        for (size_t at = leading + 1; at < from.size(); ++at) {
          number *= from[at];
          product = call("mul", {product, size(node->input(0), at, from[at])}, number);
        }
        return product;
      });
    }
    replace(node, list);
  }

  void free_expand(Node* node) {
    const auto& from = sizes(node->input(0));
    const auto& to = sizes(node->output());
    auto list = elements(node->input(1));
    if (list.size() != to.size() || from.size() != to.size()) return;
    const torch::jit::WithInsertPoint guard(node);
    for (size_t at = 0; at < to.size(); ++at) {
      if (from[at] == to[at] && is_number(list[at], to[at])) list[at] = line_.graph->insertConstant(int64_t{-1});
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
    const torch::jit::WithInsertPoint guard(node);
    node->replaceInput(3, line_.graph->insertConstant(std::numeric_limits<int64_t>::max()));
  }

  // A list of sizes as single values; empty where it is neither constant nor made here.
  std::vector<Value*> elements(Value* list) {
    if (list->node()->kind() == prim::ListConstruct) return list->node()->inputs().vec();
    const auto constant = torch::jit::toIValue(list);
    std::vector<Value*> values;
    if (!constant || !constant->isIntList()) return values;
    const torch::jit::WithInsertPoint guard(list->node());
    for (const int64_t number : constant->toIntVector()) values.push_back(line_.graph->insertConstant(number));
    return values;
  }

  void replace(Node* node, const std::vector<Value*>& list) {
    if (node->input(1)->node()->kind() == prim::ListConstruct &&
        std::equal(list.begin(), list.end(), node->input(1)->node()->inputs().begin())) {
      return;
    }
    const torch::jit::WithInsertPoint guard(node);
    node->replaceInput(1, line_.graph->insertNode(line_.graph->createList(c10::IntType::get(), list))->output());
  }

  static bool is_number(const Value* value, int64_t number) {
    const auto constant = torch::jit::toIValue(value);
    return constant && constant->isInt() && constant->toInt() == number;
  }

  Value* size(Value* tensor, size_t dim, int64_t number) {
    return call("size", {tensor, line_.graph->insertConstant(static_cast<int64_t>(dim))}, number);
  }

  Value* call(const char* name, const std::vector<Value*>& inputs, int64_t number) {
    Node* node = line_.graph->insertNode(line_.graph->create(c10::Symbol::aten(name), inputs, 1));
    node->output()->setType(c10::IntType::get());
    line_.facts[node->output()].number = static_cast<double>(number);
    return node->output();
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
