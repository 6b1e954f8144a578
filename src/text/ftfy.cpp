#include "text/ftfy.h"

#include <legrad/error.h>

#include <algorithm>
#include <array>

#include "text/html.h"
#include "text/unicode.h"

namespace legrad::text {
namespace {

// The order of these steps, and what each takes for broken, are those that ftfy documents.

struct Ligature {
  char32_t letter;
  std::u32string_view letters;
};
constexpr std::array kLigatures = {
    Ligature{U'Ĳ', U"IJ"}, Ligature{U'ĳ', U"ij"}, Ligature{U'ŉ', U"ʼn"}, Ligature{U'Ǆ', U"DŽ"},  Ligature{U'ǅ', U"Dž"},
    Ligature{U'ǆ', U"dž"}, Ligature{U'Ǉ', U"LJ"}, Ligature{U'ǈ', U"Lj"}, Ligature{U'ǉ', U"lj"},  Ligature{U'Ǌ', U"NJ"},
    Ligature{U'ǋ', U"Nj"}, Ligature{U'ǌ', U"nj"}, Ligature{U'Ǳ', U"DZ"}, Ligature{U'ǲ', U"Dz"},  Ligature{U'ǳ', U"dz"},
    Ligature{U'ﬀ', U"ff"}, Ligature{U'ﬁ', U"fi"}, Ligature{U'ﬂ', U"fl"}, Ligature{U'ﬃ', U"ffi"}, Ligature{U'ﬄ', U"ffl"},
    Ligature{U'ﬅ', U"ſt"}, Ligature{U'ﬆ', U"st"}};

std::u32string fix_letter(char32_t letter) {
  letter = from_windows_1252(letter);
  const auto* const ligature = std::ranges::lower_bound(kLigatures, letter, {}, &Ligature::letter);
  if (ligature != kLigatures.end() && ligature->letter == letter) {
    return std::u32string(ligature->letters);
  }
  if (letter == 0x3000) {
    return U" ";
  }
  if (letter >= 0xFF01 && letter <= 0xFFEF) {  // full width and half width
    return nfkc({&letter, 1});
  }
  return {letter};
}

char32_t straight_quote(char32_t letter) {
  if (letter >= 0x201C && letter <= 0x201F) {
    return U'"';
  }
  return letter == 0x2BC || (letter >= 0x2018 && letter <= 0x201B) ? U'\'' : letter;
}

std::u32string fix_letters(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (const char32_t letter : text) {
    for (const char32_t fixed : fix_letter(letter)) {
      result.push_back(straight_quote(fixed));
    }
  }
  return result;
}

std::u32string fix_line_breaks(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t letter = text[i];
    if (letter == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      continue;
    }
    const bool breaks = letter == '\r' || letter == 0x2028 || letter == 0x2029 || letter == 0x85;
    result.push_back(breaks ? U'\n' : letter);
  }
  return result;
}

/// Length of a terminal's escape sequence at the start of `text`, "ESC [ 1 ; 31 m"; 0 where there is none.
size_t escape_length(std::u32string_view text) {
  if (!text.starts_with(U"\x1B[")) {
    return 0;
  }
  size_t end = 2;
  while (end < text.size() && (text[end] == ';' || is_digit(text[end]))) {
    ++end;
  }
  return end < text.size() && (text[end] | 0x20) >= 'a' && (text[end] | 0x20) <= 'z' ? end + 1 : 0;
}

bool is_needless_control(char32_t letter) {
  return letter <= 0x08 || letter == 0x0B || (letter >= 0x0E && letter <= 0x1F) || letter == 0x7F ||
         (letter >= 0x206A && letter <= 0x206F) || letter == 0xFEFF || (letter >= 0xFFF9 && letter <= 0xFFFC);
}

std::u32string without_escapes(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t escape = escape_length(text.substr(i));
    if (escape == 0) {
      result.push_back(text[i]);
    }
    i += std::max<size_t>(escape, 1);
  }
  return result;
}

std::u32string fix_line(std::u32string_view line, bool unescape) {
  constexpr int kMostRounds = 100;
  std::u32string text(line);
  for (int round = 0; round < kMostRounds; ++round) {
    std::u32string fixed = unescape ? unescape_clear_html(text) : text;
    fixed = without_escapes(fix_line_breaks(fix_letters(fixed)));
    std::erase_if(fixed, is_needless_control);
    fixed = nfc(fixed);
    if (fixed == text) {
      return text;
    }
    text = std::move(fixed);
  }
  throw InputError("a prompt is escaped more than " + std::to_string(kMostRounds) +
                       " times over, as in '&amp;amp;amp;'; write it as plain text",
                   Reason::kTooLarge);
}

}  // namespace

std::u32string fix_text(std::u32string_view text) {
  std::u32string result;
  bool unescape = true;
  while (!text.empty()) {
    const size_t end = text.find(U'\n');
    const std::u32string_view line = text.substr(0, end == std::u32string_view::npos ? end : end + 1);
    // From a line with '<' on, the text is taken for HTML that is meant as such.
    unescape = unescape && line.find(U'<') == std::u32string_view::npos;
    result += fix_line(line, unescape);
    text.remove_prefix(line.size());
  }
  return result;
}

}  // namespace legrad::text
