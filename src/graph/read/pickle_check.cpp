#include "graph/read/pickle_check.h"

#include <legrad/error.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace legrad::graph {
namespace {

constexpr uint64_t kMostDepth = 400;                  // a module in a module takes four
constexpr uint64_t kMostValues = uint64_t{1} << 21;   // made by one pickle
constexpr uint64_t kMostReached = uint64_t{1} << 24;  // by going down every way from one value
constexpr uint64_t kMostBytes = uint64_t{1} << 24;    // of one pickle
constexpr size_t kMostName = 1000;
constexpr int kMostBrackets = 40;  // of a type, as in "List[List[int]]"

// The instructions that LibTorch writes, by the names Python's pickletools has for them.
enum Instruction : unsigned char {
  kProtocol = 0x80,
  kStop = '.',
  kMark = '(',
  kNone = 'N',
  kTrue = 0x88,
  kFalse = 0x89,
  kInt1 = 'K',
  kInt2 = 'M',
  kInt4 = 'J',
  kLong1 = 0x8a,
  kFloat = 'G',
  kUnicode = 'X',
  kEmptyTuple = ')',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kTuple = 't',
  kEmptyList = ']',
  kAppends = 'e',
  kEmptyDict = '}',
  kSetItem = 's',
  kSetItems = 'u',
  kGlobal = 'c',
  kNewObject = 0x81,
  kReduce = 'R',
  kBuild = 'b',
  kPersistentId = 'Q',
  kPut = 'q',
  kLongPut = 'r',
  kGet = 'h',
  kLongGet = 'j',
};

// What the walk knows of a value.
struct Value {
  enum class Kind { kPlain, kFunction, kContainer } kind = Kind::kPlain;
  uint64_t depth = 1;
  uint64_t reached = 1;  // values within it, counted anew wherever they are met
  size_t container = 0;  // which one
};

// A list or dict, which others may hold before it is filled.
struct Container {
  uint64_t depth = 1;
  uint64_t reached = 1;
  bool filled = false;
};

class Walk {
 public:
  explicit Walk(std::string_view pickle) : rest_(pickle) {}

  void run() {
    if (rest_.size() > kMostBytes)
      refuse("has more than " + std::to_string(kMostBytes >> 20) + " MiB", Reason::kTooLarge);
    while (step(static_cast<unsigned char>(take(1)[0]))) {
    }
  }

 private:
  [[noreturn]] static void refuse(const std::string& what, Reason reason) { throw ModelError(what, reason); }
  [[noreturn]] static void damaged() { refuse("is damaged; export the model again", Reason::kDamaged); }

  std::string_view take(size_t count) {
    if (count > rest_.size()) damaged();
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  uint64_t number(size_t width) {
    uint64_t value = 0;
    const auto bytes = take(width);
    for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
  }

  std::string line() {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos || end > kMostName) damaged();
    const std::string text(take(end));
    take(1);
    return text;
  }

  // Carries out one instruction; false at the end.
  bool step(unsigned char instruction) {
    switch (instruction) {
      case kProtocol:
        take(1);
        return true;
      case kStop:
        if (stack_.size() != 1) damaged();
        return false;
      case kMark:
        marks_.push_back(stack_.size());
        return true;
      case kNone:
      case kTrue:
      case kFalse:
      case kEmptyTuple:
        return push({});
      case kInt1:
        return skip(1);
      case kInt2:
        return skip(2);
      case kInt4:
        return skip(4);
      case kFloat:
        return skip(8);
      case kLong1:
        return skip(number(1));
      case kUnicode:
        check_text(take(number(4)));
        return push({});
      case kTuple1:
      case kTuple2:
      case kTuple3:
        return push(holding(pop(instruction - kTuple1 + 1)));
      case kTuple:
        return push(holding(pop_to_mark()));
      case kEmptyList:
      case kEmptyDict:
        containers_.emplace_back();
        return push({Value::Kind::kContainer, 1, 1, containers_.size() - 1});
      case kAppends:
        return fill(pop_to_mark());
      case kSetItem:
        return fill(pop(2));
      case kSetItems: {
        const auto items = pop_to_mark();
        if (items.size() % 2 != 0) damaged();
        return fill(items);
      }
      case kGlobal: {
        const auto module = line();
        return push(global(module, line()));
      }
      case kNewObject:
        pop(1);
        if (top().kind != Value::Kind::kFunction) damaged();
        return true;
      case kReduce:
      case kBuild: {
        const auto argument = pop(1);
        if (pop(1)[0].kind != Value::Kind::kFunction) damaged();
        return push(holding(argument));
      }
      case kPersistentId:
        pop(1);
        return push({});
      case kPut:
        return put(number(1));
      case kLongPut:
        return put(number(4));
      case kGet:
        return get(number(1));
      case kLongGet:
        return get(number(4));
      default:
        refuse("holds an instruction that no exported model needs (" + std::to_string(instruction) + "); it is refused",
               Reason::kNotAllowed);
    }
  }

  bool push(Value value) {
    if (++values_ > kMostValues)
      refuse("holds more than " + std::to_string(kMostValues) + " values", Reason::kTooLarge);
    stack_.push_back(value);
    return true;
  }

  bool skip(size_t count) {
    take(count);
    return push({});
  }

  const Value& top() const {
    if (stack_.empty()) damaged();
    return stack_.back();
  }

  // The last values; those below a mark belong to whoever set it.
  std::vector<Value> pop(size_t count) {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() < floor + count) damaged();
    const std::vector<Value> values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }

  std::vector<Value> pop_to_mark() {
    if (marks_.empty()) damaged();
    const auto values = pop(stack_.size() - marks_.back());
    marks_.pop_back();
    return values;
  }

  Value known(Value value) const {
    if (value.kind == Value::Kind::kContainer) {
      value.depth = containers_[value.container].depth;
      value.reached = containers_[value.container].reached;
    }
    return value;
  }

  // A value that holds others.
  Value holding(const std::vector<Value>& elements) const {
    Value whole;
    for (const auto& element : elements) {
      const auto [kind, depth, reached, container] = known(element);
      whole.depth = std::max(whole.depth, depth + 1);
      whole.reached += reached;
    }
    if (whole.depth > kMostDepth)
      refuse("is nested more than " + std::to_string(kMostDepth) + " deep", Reason::kTooLarge);
    if (whole.reached > kMostReached) refuse("holds the same values too often", Reason::kTooLarge);
    return whole;
  }

  // Each is filled once, before anyone else holds it: so nothing holds itself.
  bool fill(const std::vector<Value>& elements) {
    if (top().kind != Value::Kind::kContainer) damaged();
    auto& container = containers_[top().container];
    if (container.filled) damaged();
    const auto whole = holding(elements);
    container = {whole.depth, whole.reached, true};
    return true;
  }

  bool put(uint64_t index) {
    if (index > memo_.size()) damaged();  // LibTorch would make room for all that are left out
    if (index == memo_.size()) memo_.emplace_back();
    memo_[index] = top();
    return true;
  }

  bool get(uint64_t index) {
    if (index >= memo_.size()) damaged();
    const auto value = memo_[index];
    if (value.kind == Value::Kind::kContainer && !containers_[value.container].filled) damaged();
    return push(value);
  }

  // A text may be a type, which is parsed by recursion.
  static void check_text(std::string_view text) {
    int open = 0;
    for (const char c : text) {
      if (c == '[' || c == '(') ++open;
      if (c == ']' || c == ')') --open;
      if (open > kMostBrackets) refuse("holds a type that is nested too deeply", Reason::kTooLarge);
    }
  }

  static bool is_name(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
  }

  static Value global(const std::string& module, const std::string& name) {
    const auto whole = module + "." + name;
    if (!is_name(module) || !is_name(name)) damaged();
    const Value function{Value::Kind::kFunction};
    if (whole.starts_with("__torch__.torch.classes.")) {
      const bool quantised = whole.find("quantized") != std::string::npos;
      refuse("holds an object of the class " + whole +
                 (quantised ? ": quantised models are not supported; export before quantising"
                            : ", which is made of foreign code; expected plain modules"),
             quantised ? Reason::kQuantised : Reason::kNotAllowed);
    }
    if (module.starts_with("__torch__")) return function;
    if (module == "torch.jit._pickle") {
      for (const char* known :
           {"restore_type_tag", "build_intlist", "build_tensorlist", "build_doublelist", "build_boollist"}) {
        if (name == known) return function;
      }
    }
    if (whole == "torch._utils._rebuild_tensor_v2" || whole == "collections.OrderedDict" || whole == "torch.device" ||
        whole == "builtins.complex") {
      return function;
    }
    constexpr const char* kDtypes[] = {"Byte",   "Char",  "Short", "Int",      "Long",         "Half",
                                       "Double", "Float", "Bool",  "BFloat16", "ComplexFloat", "ComplexDouble"};
    const auto is_storage = [&](const char* dtype) { return whole == std::string("torch.") + dtype + "Storage"; };
    if (std::any_of(std::begin(kDtypes), std::end(kDtypes), is_storage)) return {};
    if (name == "_rebuild_qtensor" || name.starts_with("QInt") || name.starts_with("QUInt")) {
      refuse("holds quantised weights; quantised models are not supported: export before quantising",
             Reason::kQuantised);
    }
    refuse("names " + whole + ", which no exported model needs; it is refused", Reason::kNotAllowed);
  }

  std::string_view rest_;
  std::vector<Value> stack_;
  std::vector<size_t> marks_;
  std::vector<Value> memo_;
  std::vector<Container> containers_;
  uint64_t values_ = 0;
};

}  // namespace

void check_pickle(std::string_view pickle, const std::string& record) {
  try {
    Walk(pickle).run();
  } catch (const Error& error) {
    throw ModelError(record + " " + error.what(), error.reason());
  }
}

}  // namespace legrad::graph
