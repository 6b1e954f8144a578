#include "graph/read/code_check.h"

#include <legrad/error.h>
#include <torch/csrc/jit/frontend/lexer.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "graph/ir/ir.h"
#include "graph/read/constant_check.h"

namespace legrad::graph {
namespace {

constexpr size_t kMostNesting = 2000;  // tokens that may hold each other in one statement
constexpr size_t kMostIndents = 100;
constexpr size_t kMostElifs = 1000;
constexpr size_t kMostBlankLines = 1000;
constexpr size_t kMostLetters = 1000;  // of a name

// The lexer passes over a line without code by recursion.
void check_blank_lines(std::string_view code) {
  size_t run = 0;
  while (!code.empty()) {
    const auto end = std::min(code.find('\n'), code.size());
    auto line = code.substr(0, end);
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r\v\f"), line.size()));
    const bool blank = line.empty() || line.front() == '#' || line.front() == '\\';
    run = blank ? run + 1 : 0;
    if (run > kMostBlankLines) throw ModelError("has too many lines without code; it is refused", Reason::kNotAllowed);
    code.remove_prefix(std::min(end + 1, code.size()));
  }
}

// How deep the tree of a statement can be at most: in each bracket that is open, every token since the last comma may
// hold the next. That counts brackets, `not not not`, `a if b else c if d`, and `a + b + c` alike.
class Nesting {
 public:
  void add(int token) {
    switch (token) {
      case torch::jit::TK_INDENT:
        ++indents_;
        break;
      case torch::jit::TK_DEDENT:
        indents_ -= std::min<size_t>(indents_, 1);
        break;
      case torch::jit::TK_ELIF:  // an `if` in the `else` of the one before
        ++elifs_;
        break;
      default:
        break;
    }
    if (token == ')' || token == ']' || token == '}') {
      clear();
      if (counts_.size() > 1) counts_.pop_back();
    }
    if (token == ',' || (token == torch::jit::TK_NEWLINE && counts_.size() == 1)) clear();
    ++counts_.back();
    ++sum_;
    if (token == '(' || token == '[' || token == '{') counts_.push_back(0);
    if (sum_ > kMostNesting || indents_ > kMostIndents || elifs_ > kMostElifs) {
      throw ModelError("is nested too deeply", Reason::kTooLarge);
    }
  }

 private:
  void clear() {
    sum_ -= counts_.back();
    counts_.back() = 0;
  }

  std::vector<size_t> counts_ = {0};
  size_t sum_ = 0;
  size_t indents_ = 0;
  size_t elifs_ = 0;
};

// What is refused by the words alone; the last few of them are enough.
class Words {
 public:
  // A word is the text of a token.
  void add(std::string word) {
    std::rotate(last_.begin(), last_.begin() + 1, last_.end());
    last_.back() = std::move(word);
    check_state();
    check_texts();
    check_files();
    check_namespace();
    check_classes();
  }

 private:
  const std::string& before(size_t count) const { return last_[last_.size() - 1 - count]; }

  // Loading calls __setstate__ with a state from the file: code would run before anything was checked.
  void check_state() const {
    const auto& word = before(0);
    if (word != "__setstate__" && word != "__getstate__") return;
    throw ModelError(std::string("defines __setstate__, or the __getstate__ that goes with it") +
                         ", which would run while the file is loaded (custom modules do); "
                         "expected a plain module",
                     Reason::kNotAllowed);
  }

  // TorchScript works out what follows from constants alone when it compiles: these make a text of any length.
  void check_texts() const {
    if (before(1) != ".") return;
    for (const char* word : {"ljust", "rjust", "center", "zfill", "expandtabs", "replace", "join"}) {
      if (before(0) == word) {
        throw ModelError(
            std::string("computes a text by ") + word + ", which a vision model has no need of; it is refused",
            Reason::kNotAllowed);
      }
    }
  }

  void check_files() const {
    if (before(1) != "." || (before(2) != "torch" && before(2) != "aten")) return;
    for (const char* word : {"save", "load", "from_file"}) {
      if (before(0) == word) {
        throw ModelError(std::string("calls torch.") + word + ", which touches files; a model's forward has no need to",
                         Reason::kNotAllowed);
      }
    }
  }

  // A quantised linear layer; another, in a branch that it does not take; and how it reads and writes its weights in
  // methods that no forward calls.
  static bool is_of_quantised_linear(const std::string& name) {
    for (const char* known : {"linear_dynamic", "linear_dynamic_fp16", "linear_unpack", "linear_unpack_fp16",
                              "linear_prepack", "linear_prepack_fp16"}) {
      if (name == known) return true;
    }
    return false;
  }

  [[noreturn]] static void refuse_quantised(const std::string& what) {
    throw ModelError(what +
                         ": of quantised models, those with int8 weights in linear layers alone are supported; "
                         "quantise with torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}), or export "
                         "before quantising",
                     Reason::kQuantised);
  }

  // Operators are spelled `ops.NAMESPACE.NAME(`.
  void check_namespace() const {
    if (before(1) == "ops" && before(2) != "." && before(0) != "." && before(0) != ":") {
      throw ModelError("uses operators in a way that no export writes; it is refused", Reason::kNotAllowed);
    }
    if (before(1) == "." && before(2) == "profiler" && before(4) == "ops" && !is_profiler_mark(before(0))) {
      throw ModelError("uses an operator \"profiler." + before(0) + "\"; expected plain torch operators alone",
                       Reason::kNotAllowed);
    }
    if (before(1) == "quantized" && before(2) == "." && before(3) == "ops" && before(4) != "." && before(0) != ".") {
      refuse_quantised("uses quantised operators in a way that no export writes");
    }
    if (before(1) == "." && before(2) == "quantized" && before(4) == "ops" && !is_of_quantised_linear(before(0))) {
      refuse_quantised("uses quantized." + before(0));
    }
    if (before(1) != "." || before(2) != "ops" || before(3) == ".") return;
    const auto& space = before(0);
    if (space == "aten" || space == "prim" || space == "profiler" || space == "quantized") return;
    if (space == "_quantized") refuse_quantised("uses quantised operators");
    throw ModelError("uses operators of \"" + space + "\"; expected plain torch operators alone", Reason::kNotAllowed);
  }

  // `__torch__.torch.classes.NAMESPACE.NAME` is made of foreign code.
  void check_classes() const {
    if (is_foreign_space(0) && before(0) != "quantized") {
      throw ModelError("uses a class of \"" + before(0) + "\", which is made of foreign code; expected plain modules",
                       Reason::kNotAllowed);
    }
    if (is_foreign_space(1) && before(0) != ".") refuse_quantised("uses quantised classes in a way no export writes");
    if (is_foreign_space(2) && before(0) != "LinearPackedParamsBase") refuse_quantised("holds a " + before(0));
  }

  // Whether that word is the namespace of such a class.
  bool is_foreign_space(size_t at) const {
    return before(at + 1) == "." && before(at + 2) == "classes" && before(at + 3) == "." && before(at + 4) == "torch" &&
           before(at + 5) == "." && before(at + 6) == "__torch__";
  }

  std::array<std::string, 9> last_;
};

// A function that does not say what it returns may return a tuple of tuples of tuples ...
class Returns {
 public:
  void add(int token) {
    if (token == torch::jit::TK_DEF) awaited_ = true;
    if (token == torch::jit::TK_ARROW) awaited_ = false;
    if (token == torch::jit::TK_INDENT && awaited_) {
      throw ModelError("defines a function that does not say what it returns; it is refused", Reason::kNotAllowed);
    }
  }

 private:
  bool awaited_ = false;
};

size_t check_tokens(const std::string& code, const std::string& record) {
  using namespace torch::jit;
  Lexer lexer(std::make_shared<torch::jit::Source>(code, record, 1));
  Nesting nesting;
  Words words;
  Returns returns;
  size_t definitions = 0;
  while (lexer.cur().kind != TK_EOF) {
    const auto token = lexer.next();
    nesting.add(token.kind);
    returns.add(token.kind);
    if (token.kind == TK_DEF || token.kind == TK_CLASS_DEF) ++definitions;
    if (token.kind == TK_IMPORT) {
      throw ModelError("imports (written by torch before 1.4?); save the model again", Reason::kNotAllowed);
    }
    if (token.kind == TK_IDENT && token.range.size() > kMostLetters) {
      throw ModelError("has a name of too many letters; it is refused", Reason::kTooLarge);
    }
    const bool other = token.kind == TK_STRINGLITERAL || token.kind == TK_NEWLINE || token.kind == TK_INDENT ||
                       token.kind == TK_DEDENT;
    words.add(other ? std::string() : token.text());
  }
  return definitions;
}

}  // namespace

size_t check_code(const std::string& code, const std::string& record) {
  try {
    check_blank_lines(code);
    const auto definitions = check_tokens(code, record);
    check_constants(code, record);
    return definitions;
  } catch (const Error& error) {
    throw ModelError(record + " " + error.what(), error.reason());
  } catch (const std::exception& error) {
    throw ModelError(record + " is no TorchScript: " + first_line(error), Reason::kDamaged);
  }
}

}  // namespace legrad::graph
