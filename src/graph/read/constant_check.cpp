#include "graph/read/constant_check.h"

#include <legrad/error.h>
#include <torch/csrc/jit/frontend/lexer.h>
#include <torch/csrc/jit/frontend/parser.h>
#include <torch/csrc/jit/frontend/tree_views.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <unordered_map>
#include <vector>

namespace legrad::graph {
namespace {

using torch::jit::TreeRef;

constexpr uint64_t kMostLettersInAll = uint64_t{1} << 20;
constexpr uint64_t kMostElements = 1000;

// What an expression could be. Every bound is from above.
struct Worth {
  bool constant = true;       // made of numbers and texts in the code alone
  uint64_t letters = 0;       // of a text
  uint64_t elements = 0;      // of a tuple, and of tuples within it
  bool safe_divisor = false;  // a number in the code that is neither 0 nor -1
};

class Function {
 public:
  void follow(const TreeRef& statement) {
    switch (statement->kind()) {
      case torch::jit::TK_ASSIGN:
        return assign(statement->trees()[0], statement->trees()[1]);
      case torch::jit::TK_AUG_ASSIGN:
        check_division(statement->trees()[1]->kind(), of(statement->trees()[0]), of(statement->trees()[2]));
        return set(statement->trees()[0], sum(of(statement->trees()[0]), of(statement->trees()[2])));
      case torch::jit::TK_DEF:
        return follow(statement->trees()[2]);
      default:
        break;
    }
    if (is_expression(statement)) {
      of(statement);
      return;
    }
    for (const auto& inner : statement->trees()) follow(inner);
  }

 private:
  static bool is_expression(const TreeRef& tree) {
    switch (tree->kind()) {
      case torch::jit::TK_LIST:
      case torch::jit::TK_IF:
      case torch::jit::TK_WHILE:
      case torch::jit::TK_FOR:
      case torch::jit::TK_RETURN:
      case torch::jit::TK_RAISE:
      case torch::jit::TK_ASSERT:
      case torch::jit::TK_WITH:
      case torch::jit::TK_OPTION:
      case torch::jit::TK_EXPR_STMT:
        return false;
      default:
        return true;
    }
  }

  // A tree of TK_LIST or TK_OPTION holds the expressions themselves.
  void assign(const TreeRef& targets, const TreeRef& value) {
    if (value->trees().empty()) return;
    for (const auto& target : targets->trees()) assign_one(target, value->trees()[0]);
  }

  void assign_one(const TreeRef& target, const TreeRef& value) {
    if (!is_tuple(target) || !is_tuple(value) || elements(target).size() != elements(value).size()) {
      return set(target, of(value));
    }
    std::vector<Worth> worths;  // first all, then they are given away: `a, b = b, a`
    for (const auto& element : elements(value)) worths.push_back(of(element));
    for (size_t i = 0; i < worths.size(); ++i) set(elements(target)[i], worths[i]);
  }

  static bool is_tuple(const TreeRef& tree) { return tree->kind() == torch::jit::TK_TUPLE_LITERAL; }
  static const torch::jit::TreeList& elements(const TreeRef& tuple) { return tuple->trees()[0]->trees(); }

  // A variable is the most of what it ever was: which way a branch goes is not known here.
  void set(const TreeRef& target, const Worth& worth) {
    if (target->kind() != torch::jit::TK_VAR) {
      for (const auto& inner : target->trees()) {
        if (!inner->isAtom()) set(inner, worth);
      }
      return;
    }
    auto& known = variables_.try_emplace(name(target->trees()[0]), worth).first->second;
    known = {known.constant || worth.constant, std::max(known.letters, worth.letters),
             std::max(known.elements, worth.elements), false};
    check(known);
  }

  static std::string name(const TreeRef& identifier) { return identifier->trees()[0]->stringValue(); }

  static void check(const Worth& worth) {
    if (worth.letters <= kMostLettersInAll && worth.elements <= kMostElements) return;
    throw ModelError("makes a text or tuple that grows without end; it is refused", Reason::kTooLarge);
  }

  static Worth sum(const Worth& a, const Worth& b) {
    const Worth both{a.constant && b.constant, a.letters + b.letters, a.elements + b.elements, false};
    check(both);
    return both;
  }

  Worth of_all(const TreeRef& tree) {
    Worth whole;
    for (const auto& inner : tree->trees()) {
      if (!inner->isAtom()) whole = sum(whole, of(inner));
    }
    return whole;
  }

  Worth of(const TreeRef& tree) {
    using namespace torch::jit;
    switch (tree->kind()) {
      case TK_STRINGLITERAL:
        return {true, tree->trees()[0]->stringValue().size() + 1, 0, false};
      case TK_CONST: {
        const auto& text = tree->trees()[0]->stringValue();
        const bool whole = text.find_first_of(".eEjn") == std::string::npos;
        const auto number = whole ? std::strtoll(text.c_str(), nullptr, 0) : 1;
        return {true, 0, 0, number != 0 && number != -1};
      }
      case TK_VAR: {
        const auto found = variables_.find(name(tree->trees()[0]));
        return found == variables_.end() ? Worth{false} : found->second;
      }
      case TK_TUPLE_LITERAL:
      case TK_LIST_LITERAL:
      case TK_DICT_LITERAL: {
        auto whole = of_all(tree);
        ++whole.elements;
        check(whole);
        return whole;
      }
      case '.':  // of a module
        return {of(tree->trees()[0]).constant};
      case TK_APPLY:
        return of_call(tree);
      case '%':
      case TK_FLOOR_DIV:
        check_division(tree->kind(), of(tree->trees()[0]), of(tree->trees()[1]));
        [[fallthrough]];
      default:
        return of_all(tree);
    }
  }

  Worth of_call(const TreeRef& call) {
    const auto& callee = call->trees()[0];
    const auto& inputs = call->trees()[1];
    const bool selected = callee->kind() == '.';
    const auto called = selected ? name(callee->trees()[1]) : std::string();
    if (!selected || !is_operator(callee->trees()[0])) of(callee);
    for (const char* division : {"remainder", "floordiv", "floor_divide", "fmod", "div", "divmod"}) {
      if (called != division || inputs->trees().size() < 2) continue;
      check_division('%', of(inputs->trees()[0]), of(inputs->trees()[1]));
    }
    const auto arguments = sum(of_all(inputs), of_all(call->trees()[2]));
    const bool method = selected && !is_operator(callee->trees()[0]);
    if (called == "add" || called == "format" || called == "mul" || called == "annotate" || called.empty()) {
      return method ? sum(arguments, of(callee->trees()[0])) : arguments;
    }
    return {arguments.constant && !method};
  }

  // `torch` and `ops.aten` are no values.
  static bool is_operator(const TreeRef& base) {
    if (base->kind() == torch::jit::TK_VAR) return name(base->trees()[0]) == "torch";
    return base->kind() == '.' && base->trees()[0]->kind() == torch::jit::TK_VAR &&
           name(base->trees()[0]->trees()[0]) == "ops";
  }

  static void check_division(int kind, const Worth& dividend, const Worth& divisor) {
    const bool divides = kind == '%' || kind == torch::jit::TK_FLOOR_DIV || kind == torch::jit::TK_MOD_EQ;
    if (divides && dividend.constant && divisor.constant && !divisor.safe_divisor) {
      throw ModelError("divides by a number in its code that may be 0 or -1; it is refused", Reason::kNotAllowed);
    }
  }

  std::unordered_map<std::string, Worth> variables_;
};

}  // namespace

void check_constants(const std::string& code, const std::string& record) {
  torch::jit::Parser parser(std::make_shared<torch::jit::Source>(code, record, 1));
  auto& lexer = parser.lexer();
  if (lexer.cur().kind == torch::jit::TK_IDENT && lexer.cur().text() == "op_version_set") {  // in old archives
    while (!lexer.nextIf(torch::jit::TK_NEWLINE) && lexer.cur().kind != torch::jit::TK_EOF) lexer.next();
  }
  while (lexer.cur().kind != torch::jit::TK_EOF) {
    if (lexer.cur().kind == torch::jit::TK_CLASS_DEF) {
      for (const auto& statement : torch::jit::ClassDef(parser.parseClass()).body())
        Function().follow(statement.tree());
    } else {
      Function().follow(parser.parseFunction(/*is_method=*/false));
    }
  }
}

}  // namespace legrad::graph
