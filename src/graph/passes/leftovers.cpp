#include "graph/passes/leftovers.h"

#include <legrad/error.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "graph/passes/dependence.h"

namespace legrad::graph {
namespace {

// Operators that sum over products of two of their arguments.
constexpr std::array<std::string_view, 17> kProducts = {
    "matmul", "bmm",   "mm",    "baddbmm",   "addbmm", "addmm",  "addmv",        "einsum",      "linear",
    "mv",     "inner", "outer", "tensordot", "cdist",  "conv1d", "_convolution", "convolution",
};

bool multiplies(const Node* node) {
  return node->kind().is_aten() && std::ranges::count(kProducts, node->kind().toUnqualString()) > 0;
}

class Finder {
 public:
  Finder(const StraightLine& line, const Anatomy& anatomy, const Value* from)
      : line_(line), anatomy_(anatomy), carrying_(depends_on(line, from)), tokens_(sizes(anatomy.tokens.front())[1]) {
    for (const auto& site : anatomy.blocks) known_.insert(site.node);
    for (const auto& site : anatomy.poolers) known_.insert(site.node);
  }

  void run() const {
    for (const Node* node : line_.graph->nodes()) {
      if (node->outputs().size() != 1 || carrying_.count(node->output()) == 0) continue;
      if (is_softmax_over_tokens(node)) follow(node, node->output());
      if (known_.count(node) > 0 || node->isBefore(anatomy_.tokens.front()->node())) continue;
      // Behind the blocks whole tokens may be multiplied, but not mixed.
      const bool inside = node->isBefore(anatomy_.tokens.back()->node());
      if (multiplies(node) && carrying_operands(node) > 1 && (inside || mixes_tokens(node))) {
        refuse(node, "a product of two values of the image");
      }
      if (is_outer_product(node)) refuse(node, "a product of each token with each other");
    }
  }

 private:
  [[noreturn]] static void refuse(const Node* node, const std::string& what) {
    throw ModelError(
        "the model mixes tokens by " + what + " (" + describe(node) +
            ") in a way that is no attention we know, such as talking heads or weights changed after their "
            "softmax; a map would leave it out",
        Reason::kUnknownAttention);
  }

  bool mixes_tokens(const Node* node) const {
    return std::ranges::any_of(node->inputs(), [&](const Value* input) {
      return carries_tensor(input) && sizes(input).size() > 1 && std::ranges::count(sizes(input), tokens_) > 0;
    });
  }

  size_t carrying_operands(const Node* node) const {
    size_t count = 0;
    for (const Value* input : node->inputs()) {
      if (input->node()->kind() == prim::ListConstruct) {
        count += static_cast<size_t>(
            std::ranges::count_if(input->node()->inputs(), [&](const Value* value) { return carries_tensor(value); }));
      } else {
        count += carries_tensor(input) ? 1 : 0;
      }
    }
    return count;
  }

  bool carries_tensor(const Value* value) const { return carrying_.count(value) > 0 && !sizes(value).empty(); }

  // Two tensors multiplied of which each is spread out along a dimension of the other: [..., N, 1] · [..., 1, N].
  bool is_outer_product(const Node* node) const {
    if (!is_aten(node, "mul") && !is_aten(node, "div") && !is_aten(node, "sub")) return false;
    if (!carries_tensor(node->input(0)) || !carries_tensor(node->input(1))) return false;
    const auto& left = sizes(node->input(0));
    const auto& right = sizes(node->input(1));
    bool left_spread = false;
    bool right_spread = false;
    for (size_t back = 1; back <= std::max(left.size(), right.size()); ++back) {
      const int64_t a = back <= left.size() ? left.end()[-static_cast<std::ptrdiff_t>(back)] : 1;
      const int64_t b = back <= right.size() ? right.end()[-static_cast<std::ptrdiff_t>(back)] : 1;
      left_spread = left_spread || (a == 1 && b > 1);
      right_spread = right_spread || (b == 1 && a > 1);
    }
    const auto& product = sizes(node->output());
    return left_spread && right_spread && std::ranges::count(product, tokens_) > 0;
  }

  bool is_softmax_over_tokens(const Node* node) const {
    if (!is_aten(node, "softmax") && !is_aten(node, "_softmax") && !is_aten(node, "_safe_softmax")) return false;
    const auto& shape = sizes(node->output());
    const auto dim = torch::jit::toIValue(node->input(1));
    if (shape.empty() || !dim || !dim->isInt()) return true;
    const auto at = dim->toInt() < 0 ? dim->toInt() + static_cast<int64_t>(shape.size()) : dim->toInt();
    return shape.at(static_cast<size_t>(at)) == tokens_;
  }

  // From a softmax onward over what keeps its numbers or scales them, to a product with something else of the image.
  void follow(const Node* softmax, const Value* value) const {
    for (const auto& use : value->uses()) {
      const Node* user = use.user;
      const bool product = multiplies(user) || is_aten(user, "mul");
      if (product && carrying_operands(user) > 1)
        refuse(softmax, "a softmax over the " + std::to_string(tokens_) + " tokens");
      if (user->outputs().size() != 1 || !sums_nothing(user)) continue;
      follow(softmax, user->output());
    }
  }

  static bool sums_nothing(const Node* node) {
    constexpr std::array<std::string_view, 24> kNames = {
        "mul",     "div",     "add",       "sub",     "pow",     "to",          "type_as", "contiguous",
        "clone",   "detach",  "float",     "expand",  "permute", "transpose",   "t",       "view",
        "reshape", "flatten", "unsqueeze", "squeeze", "select",  "masked_fill", "linear",  "where"};
    return node->kind().is_aten() && std::ranges::count(kNames, node->kind().toUnqualString()) > 0;
  }

  const std::vector<int64_t>& sizes(const Value* value) const { return sizes_of(line_, value); }

  const StraightLine& line_;
  const Anatomy& anatomy_;
  std::unordered_set<const Value*> carrying_;
  std::unordered_set<const Node*> known_;
  int64_t tokens_;
};

}  // namespace

void refuse_unknown_attention(const StraightLine& line, const Anatomy& anatomy, const Value* from) {
  Finder(line, anatomy, from ? from : line.input()).run();
}

}  // namespace legrad::graph
