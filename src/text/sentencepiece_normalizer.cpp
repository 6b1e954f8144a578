#include "text/sentencepiece_normalizer.h"

#include <legrad/error.h>

#include <algorithm>
#include <utility>

#include "text/unicode.h"

namespace legrad::text {
namespace {

constexpr size_t kMostNormalizedBytes = size_t{4} << 20;  // the table of NFKC makes 33 bytes of 3 at most

}  // namespace

SentencePieceNormalizer::SentencePieceNormalizer(const SentencePieceFile& file, PieceTrie user_defined)
    : map_(file.character_map),
      user_defined_(std::move(user_defined)),
      space_(file.escape_spaces ? "\u2581" : " "),
      prefix_(file.add_dummy_prefix && !file.space_as_suffix),
      suffix_(file.add_dummy_prefix && file.space_as_suffix),
      remove_extra_spaces_(file.remove_extra_spaces) {}

/// What stands for the beginning of `text`: a piece that the file's maker defined, what the table has, or a character.
CharacterMap::Replacement SentencePieceNormalizer::next(std::string_view text) const {
  size_t defined = 0;
  user_defined_.prefixes(text, [&](size_t length, int64_t) { defined = length; });
  if (defined > 0) {
    return {defined, text.substr(0, defined)};
  }
  if (const auto replacement = map_.longest(text)) {
    return *replacement;
  }
  const size_t length = std::min(utf8_length(text.front()), text.size());
  return {length, text.substr(0, length)};
}

std::string_view SentencePieceNormalizer::without_leading_spaces(std::string_view text) const {
  while (!text.empty()) {
    const auto [length, replacement] = next(text);
    if (replacement != " ") {
      break;
    }
    text.remove_prefix(length);
  }
  return text;
}

std::string SentencePieceNormalizer::normalized(std::string_view text) const {
  if (remove_extra_spaces_) {
    text = without_leading_spaces(text);
  }
  std::string result;
  if (text.empty()) {
    return result;
  }
  if (prefix_) {
    result += space_;
  }
  bool after_space = remove_extra_spaces_;
  while (!text.empty()) {
    auto [length, replacement] = next(text);
    text.remove_prefix(length);
    if (after_space) {
      replacement.remove_prefix(std::min(replacement.find_first_not_of(' '), replacement.size()));
    }
    for (const char byte : replacement) {
      byte == ' ' ? result += space_ : result += byte;
    }
    if (!replacement.empty()) {
      after_space = remove_extra_spaces_ && replacement.ends_with(' ');
    }
    if (result.size() > kMostNormalizedBytes) {
      throw ModelError("it has a table of characters that makes " + std::to_string(kMostNormalizedBytes) +
                           " bytes and more of a prompt",
                       Reason::kTooLarge);
    }
  }
  if (!is_utf8(result)) {
    throw ModelError("it has a table of characters that makes of a prompt what is no UTF-8", Reason::kDamaged);
  }
  while (remove_extra_spaces_ && result.ends_with(space_)) {
    result.resize(result.size() - space_.size());
  }
  if (suffix_) {
    result += space_;
  }
  return result;
}

}  // namespace legrad::text
