#include "text/unicode.h"

#include <legrad/error.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <cstdint>

namespace legrad::text {
namespace {

icu::UnicodeString to_icu(std::u32string_view text) {
  return icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                       static_cast<int32_t>(text.size()));
}

std::u32string from_icu(const icu::UnicodeString& text) {
  std::u32string result;
  result.reserve(static_cast<size_t>(text.length()));
  for (int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) {
    result.push_back(static_cast<char32_t>(text.char32At(at)));
  }
  return result;
}

void check(UErrorCode error) {
  if (U_FAILURE(error)) {
    throw Error(std::string("ICU cannot normalise text: ") + u_errorName(error));
  }
}

std::u32string normalized(std::u32string_view text, const icu::Normalizer2& normalizer) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::UnicodeString result = normalizer.normalize(to_icu(text), error);
  check(error);
  return from_icu(result);
}

const icu::Normalizer2& nfc_normalizer() {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* const normalizer = icu::Normalizer2::getNFCInstance(error);
  check(error);
  return *normalizer;
}

icu::UnicodeSet characters_of_unicode_9() {
  UErrorCode error = U_ZERO_ERROR;
  icu::UnicodeSet set(u"[:age=9.0:]", error);
  check(error);
  set.freeze();
  return set;
}

uint32_t category(char32_t letter) { return U_MASK(u_charType(static_cast<UChar32>(letter))); }

}  // namespace

bool is_utf8(std::string_view bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  for (int64_t at = 0; at < size;) {
    UChar32 letter = 0;
    U8_NEXT(bytes.data(), at, size, letter);
    if (letter < 0) {
      return false;
    }
  }
  return true;
}

std::u32string from_utf8(std::string_view bytes) {
  std::u32string text;
  text.reserve(bytes.size());
  const auto size = static_cast<int64_t>(bytes.size());
  for (int64_t at = 0; at < size;) {
    UChar32 letter = 0;
    U8_NEXT_OR_FFFD(bytes.data(), at, size, letter);
    text.push_back(static_cast<char32_t>(letter));
  }
  return text;
}

std::string to_utf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t letter : text) {
    char encoded[U8_MAX_LENGTH];
    int32_t length = 0;
    U8_APPEND_UNSAFE(encoded, length, letter);
    bytes.append(encoded, static_cast<size_t>(length));
  }
  return bytes;
}

size_t utf8_length(char first) { return 1 + U8_COUNT_TRAIL_BYTES(first); }

std::u32string nfc(std::u32string_view text) { return normalized(text, nfc_normalizer()); }

std::u32string nfc_of_unicode_9(std::u32string_view text) {
  static const icu::UnicodeSet characters = characters_of_unicode_9();
  return normalized(text, icu::FilteredNormalizer2(nfc_normalizer(), characters));
}

std::u32string nfkc(std::u32string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* const normalizer = icu::Normalizer2::getNFKCInstance(error);
  check(error);
  return normalized(text, *normalizer);
}

std::u32string lower(std::u32string_view text) { return from_icu(to_icu(text).toLower(icu::Locale::getRoot())); }
std::u32string upper(std::u32string_view text) { return from_icu(to_icu(text).toUpper(icu::Locale::getRoot())); }

std::u32string lower_each(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (const char32_t letter : text) {
    const bool simple = u_tolower(static_cast<UChar32>(letter)) == static_cast<UChar32>(letter);
    result += simple ? std::u32string(1, letter) : lower({&letter, 1});
  }
  return result;
}

char32_t fold(char32_t letter) {
  return static_cast<char32_t>(u_foldCase(static_cast<UChar32>(letter), U_FOLD_CASE_DEFAULT));
}

bool is_letter(char32_t letter) { return (category(letter) & U_GC_L_MASK) != 0; }
bool is_number(char32_t letter) { return (category(letter) & U_GC_N_MASK) != 0; }
bool is_digit(char32_t letter) { return (category(letter) & U_GC_ND_MASK) != 0; }
bool is_white_space(char32_t letter) { return u_isUWhiteSpace(static_cast<UChar32>(letter)) != 0; }
bool is_python_space(char32_t letter) { return (letter >= 0x1C && letter <= 0x1F) || is_white_space(letter); }

}  // namespace legrad::text
