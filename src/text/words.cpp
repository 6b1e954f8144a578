#include "text/words.h"

#include <array>
#include <utility>

#include "text/unicode.h"

namespace legrad::text {
namespace {

constexpr std::array<std::u32string_view, 7> kContractions = {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};

bool is_other(char32_t letter) { return !is_letter(letter) && !is_number(letter) && !is_white_space(letter); }

template <class Kind>
size_t run_length(std::u32string_view text, Kind kind) {
  size_t length = 0;
  while (length < text.size() && kind(text[length])) {
    ++length;
  }
  return length;
}

}  // namespace

WordCutter::WordCutter(std::vector<std::u32string> specials, bool ignore_case)
    : fixed_(std::move(specials)), ignore_case_(ignore_case) {
  fixed_.insert(fixed_.end(), kContractions.begin(), kContractions.end());
  if (ignore_case_) {
    for (std::u32string& word : fixed_) {
      for (char32_t& letter : word) {
        letter = fold(letter);
      }
    }
  }
}

bool WordCutter::begins_with(std::u32string_view text, std::u32string_view word) const {
  if (text.size() < word.size()) {
    return false;
  }
  for (size_t i = 0; i < word.size(); ++i) {
    if ((ignore_case_ ? fold(text[i]) : text[i]) != word[i]) {
      return false;
    }
  }
  return true;
}

size_t WordCutter::word_length(std::u32string_view text) const {
  for (const std::u32string& word : fixed_) {
    if (begins_with(text, word)) {
      return word.size();
    }
  }
  if (is_letter(text[0])) {
    return run_length(text, is_letter);
  }
  // Without regard to case a letter's other case is no "other" either: U+0345, a mark, is that of iota, and so no word.
  const auto is_no_word = [this](char32_t letter) {
    return is_other(letter) && (!ignore_case_ || is_other(fold(letter)));
  };
  return is_number(text[0]) ? 1 : run_length(text, is_no_word);
}

std::vector<std::u32string_view> WordCutter::words(std::u32string_view text) const {
  std::vector<std::u32string_view> words;
  while (!text.empty()) {
    const size_t length = word_length(text);
    if (length > 0) {
      words.push_back(text.substr(0, length));
    }
    text.remove_prefix(length > 0 ? length : 1);  // white space is no word
  }
  return words;
}

}  // namespace legrad::text
