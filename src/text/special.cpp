#include "text/special.h"

#include <legrad/error.h>

#include <string_view>
#include <utility>

#include "text/unicode.h"

namespace legrad::text {
namespace {

constexpr int64_t kMostSpecialId = (int64_t{1} << 24) - 1;
constexpr size_t kMostTokens = 1024;
constexpr size_t kMostTokenBytes = 64;
constexpr int64_t kMostLength = int64_t{1} << 16;

void check_id(const std::string& what, int64_t id) {
  if (id < 0 || id > kMostSpecialId) {
    throw InputError("the " + what + " has the id " + std::to_string(id) + "; ids are from 0 to " +
                     std::to_string(kMostSpecialId));
  }
}

}  // namespace

void check(const TextRules& rules) {
  if (rules.special.ids.size() > kMostTokens) {
    throw InputError("there are " + std::to_string(rules.special.ids.size()) + " special tokens; at most " +
                     std::to_string(kMostTokens) + " are looked for");
  }
  check_id("padding", rules.pad);
  check_id("begin token", rules.begin.value_or(0));
  check_id("end token", rules.end.value_or(0));
  for (const auto& [string, id] : rules.special.ids) {
    check_id("special token '" + string + "'", id);
    if (string.empty() || string.size() > kMostTokenBytes || !is_utf8(string)) {
      throw InputError("a special token is empty, longer than " + std::to_string(kMostTokenBytes) +
                       " bytes or no UTF-8");
    }
  }
  const int64_t around = (rules.begin ? 1 : 0) + (rules.end ? 1 : 0);
  if (rules.length < 0 || rules.length > kMostLength || (rules.length > 0 && rules.length <= around)) {
    throw InputError("a length of " + std::to_string(rules.length) + " tokens leaves a prompt no room, or is above " +
                     std::to_string(kMostLength));
  }
}

std::vector<Span> spans(const std::u32string& prompt, const SpecialTokens& special) {
  std::vector<std::pair<std::u32string, int64_t>> tokens;
  if (special.found_in == SpecialTokens::FoundIn::kRaw) {
    tokens.reserve(special.ids.size());
    for (const auto& [string, id] : special.ids) {
      tokens.emplace_back(from_utf8(string), id);
    }
  }
  std::vector<Span> spans;
  std::u32string_view rest = prompt;
  std::u32string plain;
  const auto close = [&] {
    if (!plain.empty()) {
      spans.push_back({std::exchange(plain, {}), std::nullopt});
    }
  };
  while (!rest.empty()) {
    const std::pair<std::u32string, int64_t>* longest = nullptr;
    for (const auto& token : tokens) {
      if (rest.starts_with(token.first) && (longest == nullptr || token.first.size() > longest->first.size())) {
        longest = &token;
      }
    }
    if (longest == nullptr) {
      plain.push_back(rest.front());
      rest.remove_prefix(1);
    } else {
      close();
      spans.push_back({longest->first, longest->second});
      rest.remove_prefix(longest->first.size());
    }
  }
  close();
  return spans;
}

}  // namespace legrad::text
