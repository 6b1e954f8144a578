#include "graph/read/pickle_check.h"

#include <legrad/error.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "graph/read/packed_weight.h"
#include "graph/read/pickle_names.h"
#include "graph/read/pickle_value.h"

namespace legrad::graph {
namespace {

constexpr uint64_t kMostDepth = 400;                  // a module in a module takes four
constexpr uint64_t kMostValues = uint64_t{1} << 21;   // made by one pickle
constexpr uint64_t kMostReached = uint64_t{1} << 24;  // by going down every way from one value
constexpr uint64_t kMostBytes = uint64_t{1} << 24;    // of one pickle
constexpr uint64_t kMostPacked = uint64_t{1} << 48;
constexpr size_t kMostName = 1000;
constexpr size_t kMostKept = size_t{1} << 18;  // tuples whose elements are kept
constexpr size_t kMostKeptElements = 8;        // of each of these
constexpr int kMostBrackets = 40;              // of a type, as in "List[List[int]]"

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

using Kind = PickledValue::Kind;

// A list or dict, which others may hold before it is filled.
struct Container {
  uint64_t depth = 1;
  uint64_t reached = 1;
  bool filled = false;
};

class Walk {
 public:
  explicit Walk(std::string_view pickle) : rest_(pickle) {}

  PickledContents run() {
    if (rest_.size() > kMostBytes)
      refuse("has more than " + std::to_string(kMostBytes >> 20) + " MiB", Reason::kTooLarge);
    while (step(static_cast<unsigned char>(take(1)[0]))) {
    }
    return std::move(contents_);
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
    std::string text(take(end));
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
        return push({.kind = Kind::kNone});
      case kTrue:
      case kFalse:
        return push({});
      case kEmptyTuple:
        return push(tuple({}));
      case kInt1:
        return push_number(1);
      case kInt2:
        return push_number(2);
      case kInt4:
        return push_number(4);
      case kFloat:
        return push({.real = real()});
      case kLong1:
        return push_number(number(1));
      case kUnicode: {
        PickledValue text;
        text.text = take(number(4));
        check_text(text.text);
        return push(text);
      }
      case kTuple1:
      case kTuple2:
      case kTuple3:
        return push(tuple(pop(instruction - kTuple1 + 1)));
      case kTuple:
        tuple_ = pop_to_mark();
        push(tuple(tuple_));
        tuple_end_ = rest_.size();
        return true;
      case kEmptyList:
      case kEmptyDict:
        containers_.emplace_back();
        return push({.kind = Kind::kContainer, .container = containers_.size() - 1});
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
        const auto [kind, text, width] = pickled_name(module, line());
        return push({.kind = kind, .text = text, .width = width});
      }
      case kNewObject:
        pop(1);
        if (!is_callable(top())) damaged();
        return true;
      case kReduce:
      case kBuild: {
        const auto argument = pop(1);
        return push(called(pop(1)[0], argument));
      }
      case kPersistentId:
        pop(1);
        return push(storage());
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

  bool push(PickledValue value) {
    if (++values_ > kMostValues)
      refuse("holds more than " + std::to_string(kMostValues) + " values", Reason::kTooLarge);
    stack_.push_back(value);
    return true;
  }

  // Of two's complement: one whose last byte has its first bit set is negative, unless it is short.
  bool push_number(size_t width) {
    PickledValue value;
    if (width > sizeof(uint64_t)) {
      take(width);
    } else if (width < 4) {
      value.number = static_cast<int64_t>(number(width));
    } else {
      const auto unused = static_cast<int>(64 - 8 * width);
      value.number = static_cast<int64_t>(number(width) << unused) >> unused;
    }
    return push(value);
  }

  // Its first byte is the highest.
  double real() {
    uint64_t bits = 0;
    for (const char byte : take(8)) bits = bits << 8 | static_cast<unsigned char>(byte);
    return std::bit_cast<double>(bits);
  }

  static bool is_callable(const PickledValue& value) {
    return value.kind == Kind::kFunction || value.kind == Kind::kTensorMaker || value.kind == Kind::kQuantisedMaker ||
           value.kind == Kind::kPackedClass;
  }

  // What a function or class makes of its argument.
  PickledValue called(const PickledValue& function, const std::vector<PickledValue>& argument) {
    if (!is_callable(function)) damaged();
    auto made = holding(argument);
    if (function.kind == Kind::kPackedClass) {
      contents_.packed_bytes += check_packed_weight(argument[0], tuples_);
      if (contents_.packed_bytes > kMostPacked) {
        refuse("holds quantised weights that would take more memory than there is", Reason::kTooLarge);
      }
    }
    if (function.kind == Kind::kTensorMaker) made.kind = Kind::kTensor;
    if (function.kind == Kind::kQuantisedMaker) made.kind = Kind::kQuantised;
    made.elements = argument[0].kind == Kind::kTuple ? argument[0].elements : std::nullopt;
    return made;
  }

  PickledValue tuple(const std::vector<PickledValue>& elements) {
    auto whole = holding(elements);
    whole.kind = Kind::kTuple;
    if (elements.size() <= kMostKeptElements && tuples_.size() < kMostKept) {
      whole.elements = tuples_.size();
      tuples_.push_back(elements);
    }
    return whole;
  }

  // ("storage", type, name of its record, device, how many numbers): LibTorch takes the record for as large as that.
  PickledValue storage() {
    if (tuple_end_ != rest_.size() + 1 || tuple_.size() != 5) damaged();
    const auto& name = tuple_[2].text;
    const auto& numbers = tuple_[4].number;
    const bool counted = numbers && *numbers >= 0 && *numbers >> 48 == 0;
    if (tuple_[0].text != "storage" || tuple_[1].width == 0 || name.empty() || !counted) damaged();
    contents_.storages.push_back({std::string(name), static_cast<uint64_t>(*numbers) * tuple_[1].width});
    return {.kind = Kind::kStorage, .text = tuple_[1].text, .number = numbers};
  }

  const PickledValue& top() const {
    if (stack_.empty()) damaged();
    return stack_.back();
  }

  // The last values; those below a mark belong to whoever set it.
  std::vector<PickledValue> pop(size_t count) {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() < floor + count) damaged();
    std::vector<PickledValue> values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }

  std::vector<PickledValue> pop_to_mark() {
    if (marks_.empty()) damaged();
    auto values = pop(stack_.size() - marks_.back());
    marks_.pop_back();
    return values;
  }

  PickledValue known(PickledValue value) const {
    if (value.kind == Kind::kContainer) {
      value.depth = containers_[value.container].depth;
      value.reached = containers_[value.container].reached;
    }
    return value;
  }

  // A value that holds others.
  PickledValue holding(const std::vector<PickledValue>& elements) const {
    PickledValue whole;
    for (const auto& element : elements) {
      const auto inner = known(element);
      whole.depth = std::max(whole.depth, inner.depth + 1);
      whole.reached += inner.reached;
    }
    if (whole.depth > kMostDepth)
      refuse("is nested more than " + std::to_string(kMostDepth) + " deep", Reason::kTooLarge);
    if (whole.reached > kMostReached) refuse("holds the same values too often", Reason::kTooLarge);
    return whole;
  }

  // Each is filled once, before anyone else holds it: so nothing holds itself.
  bool fill(const std::vector<PickledValue>& elements) {
    if (top().kind != Kind::kContainer) damaged();
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
    if (value.kind == Kind::kContainer && !containers_[value.container].filled) damaged();
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

  std::string_view rest_;
  std::vector<PickledValue> stack_;
  std::vector<size_t> marks_;
  std::vector<PickledValue> memo_;
  std::vector<Container> containers_;
  std::vector<PickledValue> tuple_;  // the last one that came with a mark
  size_t tuple_end_ = 0;             // how much was left behind it
  PickledTuples tuples_;
  PickledContents contents_;
  uint64_t values_ = 0;
};

}  // namespace

PickledContents check_pickle(std::string_view pickle, const std::string& record) {
  try {
    return Walk(pickle).run();
  } catch (const Error& error) {
    throw ModelError(record + " " + error.what(), error.reason());
  }
}

}  // namespace legrad::graph
