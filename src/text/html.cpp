#include "text/html.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "text/html_entities.h"
#include "text/unicode.h"

namespace legrad::text {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kLast = 0x10FFFF;

bool is_ascii_digit(char32_t letter) { return letter >= '0' && letter <= '9'; }
bool is_ascii_letter(char32_t letter) { return (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z'; }

/// The value of a digit in a base of 10 or 16; none for what is no such digit.
std::optional<uint32_t> digit_value(char32_t letter, uint32_t base) {
  if (is_ascii_digit(letter)) {
    return letter - '0';
  }
  const char32_t lower = letter | 0x20;
  return base == 16 && lower >= 'a' && lower <= 'f' ? std::optional<uint32_t>(lower - 'a' + 10) : std::nullopt;
}

/// What a name stands for; empty where nothing has it.
std::u32string named(std::u32string_view name) {
  if (std::ranges::any_of(name, [](char32_t letter) { return letter > 0x7F; })) {
    return {};
  }
  const std::string ascii(name.begin(), name.end());
  const auto* const found = std::ranges::lower_bound(html_entities, std::string_view(ascii), {}, &HtmlEntity::name);
  if (found == html_entities.end() || found->name != ascii) {
    return {};
  }
  return found->second == 0 ? std::u32string{found->first} : std::u32string{found->first, found->second};
}

/// What a number stands for.
std::u32string numbered(uint32_t number) {
  if (number >= 0x80 && number <= 0x9F) {
    return {from_windows_1252(number)};
  }
  if (number == 0 || number > kLast || (number >= 0xD800 && number <= 0xDFFF)) {
    return {kReplacement};
  }
  const bool control =
      (number < 0x20 && number != '\t' && number != '\n' && number != '\f' && number != '\r') || number == 0x7F;
  const bool no_character = (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
  return control || no_character ? std::u32string() : std::u32string{static_cast<char32_t>(number)};
}

/// A reference at the start of a text, and what it stands for.
struct Reference {
  size_t length = 0;  ///< 0: there is none
  std::u32string text;
};

/// "&#38;", "&#x26;", with or without the semicolon.
Reference number_at(std::u32string_view text) {
  const bool hexadecimal = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
  const uint32_t base = hexadecimal ? 16 : 10;
  const size_t start = hexadecimal ? 3 : 2;
  size_t end = start;
  uint32_t number = 0;
  for (; end < text.size(); ++end) {
    const auto value = digit_value(text[end], base);
    if (!value) {
      break;
    }
    number = std::min<uint32_t>(number * base + *value, kLast + 1);  // beyond the last one it stays beyond
  }
  if (end == start) {
    return {};
  }
  end += end < text.size() && text[end] == ';' ? 1 : 0;
  return {end, numbered(number)};
}

/// "&amp;", or a name that may go without its semicolon and what follows.
Reference name_at(std::u32string_view text) {
  constexpr std::u32string_view kEnds = U"\t\n\f <&#;";
  constexpr size_t kLongest = 32;
  size_t end = 1;
  while (end < text.size() && end <= kLongest && kEnds.find(text[end]) == std::u32string_view::npos) {
    ++end;
  }
  if (end == 1) {
    return {};
  }
  end += end < text.size() && text[end] == ';' ? 1 : 0;
  for (size_t length = end - 1; length > 1; --length) {
    const std::u32string found = named(text.substr(1, length));
    if (!found.empty()) {
      return {end, found + std::u32string(text.substr(1 + length, end - 1 - length))};
    }
  }
  return {end, std::u32string(text.substr(0, end))};
}

Reference reference_at(std::u32string_view text) {
  return text.size() > 1 && text[1] == '#' ? number_at(text) : name_at(text);
}

/// "&...;" of up to 24 ASCII letters and digits; empty where there is none.
std::u32string_view clear_reference_at(std::u32string_view text) {
  constexpr size_t kLongest = 24;
  const size_t start = text.size() > 1 && text[1] == '#' ? 2 : 1;
  size_t end = start;
  while (end < text.size() && end - start < kLongest && (is_ascii_digit(text[end]) || is_ascii_letter(text[end]))) {
    ++end;
  }
  return end > start && end < text.size() && text[end] == ';' ? text.substr(0, end + 1) : std::u32string_view();
}

/// What such a one stands for; itself where that is not clear.
std::u32string clear_meaning(std::u32string_view reference) {
  const std::u32string_view name = reference.substr(1);
  std::u32string found = named(name);
  if (!found.empty()) {
    return found;
  }
  std::u32string meaning = unescape_html(reference);
  if (name[0] == '#') {
    return meaning.find(U';') == std::u32string::npos ? meaning : std::u32string(reference);
  }
  const bool capitals = std::ranges::none_of(name, [](char32_t letter) { return letter >= 'a' && letter <= 'z'; });
  const std::u32string small = capitals && meaning == reference ? named(lower(name)) : std::u32string();
  return small.empty() ? std::u32string(reference) : upper(small);
}

/// `text` with what `find` makes of each '&' and what follows it; where that is of no length, the '&' stays.
template <class Find>
std::u32string replaced(std::u32string_view text, const Find& find) {
  std::u32string result;
  while (!text.empty()) {
    const size_t plain = std::min(text.find(U'&'), text.size());
    result += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) {
      break;
    }
    const Reference reference = find(text);
    result += reference.length == 0 ? std::u32string(1, U'&') : reference.text;
    text.remove_prefix(std::max<size_t>(reference.length, 1));
  }
  return result;
}

}  // namespace

std::u32string unescape_html(std::u32string_view text) { return replaced(text, reference_at); }

std::u32string unescape_clear_html(std::u32string_view text) {
  return replaced(text, [](std::u32string_view rest) -> Reference {
    const std::u32string_view reference = clear_reference_at(rest);
    return {reference.size(), reference.empty() ? std::u32string() : clear_meaning(reference)};
  });
}

char32_t from_windows_1252(char32_t control) {
  constexpr std::array<char16_t, 32> kCharacters = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                                    0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                                    0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                    0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};
  return control >= 0x80 && control <= 0x9F ? char32_t{kCharacters[control - 0x80]} : control;
}

}  // namespace legrad::text
