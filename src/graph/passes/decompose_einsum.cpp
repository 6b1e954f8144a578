#include "graph/passes/decompose_einsum.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "graph/ir/writer.h"

namespace legrad::graph {
namespace {

// "bhid,bhjd->bhij" as letters of a batch (b, h), of rows (i), of columns (j), and the one that is summed over (d).
struct Product {
  std::string left, right, out;
  std::string batch;
  char row = 0, column = 0, summed = 0;
};

std::optional<Product> parse(std::string equation) {
  std::erase(equation, ' ');
  const auto comma = equation.find(',');
  const auto arrow = equation.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || comma > arrow) return std::nullopt;
  Product product{
      equation.substr(0, comma), equation.substr(comma + 1, arrow - comma - 1), equation.substr(arrow + 2), {}};
  const auto has = [](const std::string& letters, char letter) { return letters.find(letter) != std::string::npos; };
  for (const std::string* letters : {&product.left, &product.right, &product.out}) {
    for (const char letter : *letters) {
      if (!std::isalpha(static_cast<unsigned char>(letter)) ||
          std::count(letters->begin(), letters->end(), letter) > 1) {
        return std::nullopt;
      }
    }
  }
  const auto take = [](char& place, char letter) { return std::exchange(place, letter) == 0; };
  for (const char letter : product.left) {
    const bool right = has(product.right, letter);
    if (right && has(product.out, letter)) {
      product.batch += letter;
    } else if (!take(right ? product.summed : product.row, letter)) {
      return std::nullopt;
    }
  }
  for (const char letter : product.right) {
    if (!has(product.left, letter) && !take(product.column, letter)) return std::nullopt;
  }
  const bool whole = product.row != 0 && product.column != 0 && product.summed != 0 && has(product.out, product.row) &&
                     has(product.out, product.column) && product.out.size() == product.batch.size() + 2;
  return whole ? std::optional(product) : std::nullopt;
}

// A tensor whose dimensions have the letters `from`, in the order of the letters `to`.
Value* permuted(const StraightLine& line, Writer& write, Value* tensor, const std::string& from,
                const std::string& to) {
  if (from == to) return tensor;
  auto fact = line.facts.at(tensor);
  const auto sizes = fact.sizes;
  std::vector<int64_t> order;
  for (const char letter : to) order.push_back(static_cast<int64_t>(from.find(letter)));
  for (size_t i = 0; i < order.size(); ++i) fact.sizes[i] = sizes.at(static_cast<size_t>(order[i]));
  return write.call("permute", {tensor, write.constant(order)}, fact);
}

Value* multiply(StraightLine& line, Node* einsum, const Product& product, Value* left, Value* right) {
  Writer write(line, einsum);
  Value* rows = permuted(line, write, left, product.left, product.batch + product.row + product.summed);
  Value* columns = permuted(line, write, right, product.right, product.batch + product.summed + product.column);
  const auto letters = product.batch + product.row + product.column;
  auto fact = line.facts.at(einsum->output());
  const auto sizes = fact.sizes;
  for (size_t i = 0; i < letters.size(); ++i) fact.sizes[i] = sizes[product.out.find(letters[i])];
  Value* made = write.call("matmul", {rows, columns}, fact);
  return permuted(line, write, made, letters, product.out);
}

}  // namespace

void decompose_einsum(StraightLine& line) {
  for (Node* node : find_all(*line.graph, "einsum")) {
    const auto equation = torch::jit::toIValue(node->input(0));
    const auto* operands = node->input(1)->node();
    if (!equation || !equation->isString() || operands->kind() != prim::ListConstruct ||
        operands->inputs().size() != 2) {
      continue;
    }
    const auto product = parse(equation->toStringRef());
    if (!product) continue;
    node->output()->replaceAllUsesWith(multiply(line, node, *product, operands->input(0), operands->input(1)));
  }
  drop_dead_code(line);
}

}  // namespace legrad::graph
