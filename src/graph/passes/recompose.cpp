#include "graph/passes/recompose.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <limits>

#include "graph/ir/writer.h"

namespace legrad::graph {
namespace {

bool is_reshape(const Node* node) {
  return is_aten(node, "view") || is_aten(node, "reshape") || is_aten(node, "_unsafe_view");
}

bool is_copy(const Node* node) {
  return is_aten(node, "clone") || is_aten(node, "contiguous") || is_aten(node, "alias") || is_aten(node, "detach");
}

std::optional<double> plain_number(const Value* value) {
  const auto constant = torch::jit::toIValue(value);
  return constant && constant->isScalar() ? std::optional(constant->toScalar().toDouble()) : std::nullopt;
}

class Recomposer {
 public:
  explicit Recomposer(StraightLine& line) : line_(line) {}

  void run() {
    for_each([&](Node* node) { recompose(node); });
    for_each([&](Node* node) { add_bias(node); });  // to products that were put together, whoever else read them gone
  }

 private:
  template <typename Change>
  void for_each(const Change& change) {
    auto nodes = line_.graph->nodes();
    for (auto it = nodes.begin(); it != nodes.end();) {
      Node* node = *it;
      ++it;  // what is put before `node` is not looked at again
      change(node);
    }
    drop_dead_code(line_);
  }

  void recompose(Node* node) {
    if (is_aten(node, "expand")) return drop_expand(node);
    if (is_aten(node, "native_layer_norm")) return make_layer_norm(node);
    if (is_aten(node, "_softmax")) return make_softmax(node);
    if (is_aten(node, "where")) return drop_softmax_guard(node);
    if (is_aten(node, "addmm") && plain_number(node->input(3)) == 1 && plain_number(node->input(4)) == 1)
      return make_linear(node, node->input(1), node->input(2), node->input(0));
    if (is_aten(node, "mm")) return make_linear(node, node->input(0), node->input(1), nullptr);
    if (is_aten(node, "bmm")) return make_matmul(node);
  }

  // An expand to the size it has.
  void drop_expand(Node* node) {
    if (sizes(node->input(0)) == sizes(node->output())) node->output()->replaceAllUsesWith(node->input(0));
  }

  void make_layer_norm(Node* node) {
    if (node->outputs()[1]->hasUses() || node->outputs()[2]->hasUses()) return;
    Writer write(line_, node);
    replace(node->outputs()[0], write.call("layer_norm",
                                           {node->input(0), node->input(1), node->input(2), node->input(3),
                                            node->input(4), write.constant(true)},
                                           line_.facts.at(node->outputs()[0])));
  }

  void make_softmax(Node* node) {
    if (plain_number(node->input(2)) != 0) return;  // a change of type on the way
    Writer write(line_, node);
    replace(node->output(),
            write.call("softmax", {node->input(0), node->input(1), write.none()}, line_.facts.at(node->output())));
  }

  // where(every score of the row is -inf, 0, softmax(scores)).
  void drop_softmax_guard(Node* node) {
    Node* softmax = node->inputs().size() == 3 ? node->input(2)->node() : nullptr;
    if (!softmax || !is_aten(softmax, "softmax")) return;
    const Node* guard = without_copies(node->input(0))->node();
    for (const char* step : {"logical_not", "any", "logical_not", "eq"}) {
      if (!is_aten(guard, step)) return;
      if (std::string_view(step) != "eq") guard = guard->input(0)->node();
    }
    const auto compared = plain_number(guard->input(1));
    if (guard->input(0) != softmax->input(0) || !compared || *compared != -std::numeric_limits<double>::infinity())
      return;
    const Node* filled = node->input(1)->node();
    const bool zeros =
        is_aten(filled, "zeros_like") || (is_aten(filled, "full_like") && plain_number(filled->input(1)) == 0);
    if (zeros) node->output()->replaceAllUsesWith(softmax->output());
  }

  // rows · Wᵀ (+ bias), the rows of [..., k] flattened.
  void make_linear(Node* node, Value* rows, Value* transposed, Value* bias) {
    if (sizes(transposed).size() != 2) return;
    Writer write(line_, node);
    linear_over(write, node, unflattened(rows), turned(write, transposed), bias);
  }

  void linear_over(Writer& write, Node* node, Value* input, Value* weight, Value* bias) {
    auto fact = line_.facts.at(node->output());
    fact.sizes = sizes(input);
    fact.sizes.back() = sizes(weight)[0];
    Value* made = write.call("linear", {input, weight, bias ? bias : write.none()}, fact);
    replace_reshaped(node->output(), made);
  }

  void add_bias(Node* node) {
    if (!is_aten(node, "add") || node->inputs().size() != 3 || plain_number(node->input(2)) != 1) return;
    if (!add_bias(node, node->input(0), node->input(1))) add_bias(node, node->input(1), node->input(0));
  }

  // A product with a weight, and a bias added afterwards.
  bool add_bias(Node* node, Value* sum, Value* bias) {
    Node* product = sum->node();
    const auto added = torch::jit::toIValue(bias);
    const auto& shape = sizes(sum);
    const bool fits = added && added->isTensor() && added->toTensor().dim() == 1 && sum->uses().size() == 1 &&
                      !shape.empty() && sizes(bias) == std::vector<int64_t>{shape.back()};
    if (!fits) return false;
    Writer write(line_, node);
    if (is_aten(product, "linear") && product->input(2)->mustBeNone()) {
      linear_over(write, node, product->input(0), product->input(1), bias);
    } else if (is_aten(product, "matmul") && sizes(product->input(1)).size() == 2 &&
               torch::jit::toIValue(product->input(1))) {
      linear_over(write, node, product->input(0), turned(write, product->input(1)), bias);
    } else {
      return false;
    }
    return true;
  }

  // [b, n, k] · [b, k, m], flattened from products with more dimensions, or with a weight that is the same for all b.
  void make_matmul(Node* node) {
    Value* left = unflattened(node->input(0));
    Value* right = without_copies(node->input(1));
    if (is_reshape(right->node()) && sizes(right->node()->input(0)) == sizes(right)) right = right->node()->input(0);
    if (is_aten(right->node(), "expand") && is_shared_matrix(right->node()->input(0))) {
      Value* matrix = right->node()->input(0);
      Writer write(line_, node);
      if (sizes(matrix).size() == 3) matrix = squeezed(write, matrix);
      return linear_over(write, node, left, turned(write, matrix), nullptr);
    }
    right = unflattened(node->input(1));
    const auto rows = sizes(left);
    const auto columns = sizes(right);
    const bool batched = rows.size() > 3 && rows.size() == columns.size() && rows.back() == columns.end()[-2] &&
                         std::equal(rows.begin(), rows.end() - 2, columns.begin());
    if (!batched) return;
    Writer write(line_, node);
    auto fact = line_.facts.at(node->output());
    fact.sizes = rows;
    fact.sizes.back() = columns.back();
    replace_reshaped(node->output(), write.call("matmul", {left, right}, fact));
  }

  // A matrix on its side; a weight stays a constant.
  Value* turned(Writer& write, Value* matrix) {
    const Fact fact{{sizes(matrix)[1], sizes(matrix)[0]}, line_.facts.at(matrix).dtype, std::nullopt};
    if (const auto weight = torch::jit::toIValue(matrix)) {
      Value* made = write.constant(weight->toTensor().t());
      line_.facts[made] = fact;
      return made;
    }
    return write.call("t", {matrix}, fact);
  }

  bool is_shared_matrix(const Value* value) const {
    const auto& shape = sizes(value);
    return shape.size() == 2 || (shape.size() == 3 && shape[0] == 1);
  }

  Value* squeezed(Writer& write, Value* value) {
    Fact fact = line_.facts.at(value);
    fact.sizes.erase(fact.sizes.begin());
    return write.call("squeeze", {value, write.constant(int64_t{0})}, fact);
  }

  // What was flattened into [rows, k] or [b, n, k], its last dimension or last two untouched; or the value itself.
  Value* unflattened(Value* value) {
    Value* flat = without_copies(value);
    if (!is_reshape(flat->node())) return value;
    Value* whole = without_copies(flat->node()->input(0));
    if (is_aten(whole->node(), "expand") && sizes(whole->node()->input(0)) == sizes(whole))
      whole = whole->node()->input(0);
    const auto& to = sizes(flat);
    const auto& from = sizes(whole);
    const size_t kept = to.size() - 1;
    const bool same_end = from.size() > to.size() && std::equal(to.end() - static_cast<std::ptrdiff_t>(kept), to.end(),
                                                                from.end() - static_cast<std::ptrdiff_t>(kept));
    return same_end || from == to ? whole : value;
  }

  static Value* without_copies(Value* value) {
    while (is_copy(value->node())) value = value->node()->input(0);
    return value;
  }

  // Whoever reshapes `flat` to the shape of `made` reads that; everyone else reads it flattened.
  void replace_reshaped(Value* flat, Value* made) {
    const auto uses = flat->uses();
    for (const auto& use : uses) {
      if (is_reshape(use.user) && use.offset == 0 && sizes(use.user->output()) == sizes(made)) {
        use.user->output()->replaceAllUsesWith(made);
      }
    }
    if (sizes(flat) == sizes(made)) return replace(flat, made);
    Writer write(line_, made->node()->next());
    const auto& shape = sizes(flat);
    const auto end = static_cast<int64_t>(sizes(made).size()) - static_cast<int64_t>(shape.size());
    replace(flat, write.call("flatten", {made, write.constant(int64_t{0}), write.constant(end)}, line_.facts.at(flat)));
  }

  static void replace(Value* old, Value* made) { old->replaceAllUsesWith(made); }

  const std::vector<int64_t>& sizes(const Value* value) const { return sizes_of(line_, value); }

  StraightLine& line_;
};

}  // namespace

void recompose(StraightLine& line) { Recomposer(line).run(); }

}  // namespace legrad::graph
