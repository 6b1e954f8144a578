#include "io/words.h"

#include <algorithm>

namespace legrad::io {
namespace {

/// How many letters UTF-8 text has: all bytes but those that continue a letter.
size_t letters(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char byte) { return (byte & 0xC0) != 0x80; }));
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr const char* kBlanks = " \t";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string> words_between(std::string_view text, char separator) {
  std::vector<std::string> words;
  while (true) {
    const size_t end = text.find(separator);
    words.emplace_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return words;
    text.remove_prefix(end + 1);
  }
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '\n' || letter == '\r' || letter == '\t') {
      if (!line.empty() && line.back() != ' ') line += ' ';
    } else {
      line += code < 0x20 || code == 0x7f ? '?' : letter;
    }
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string wrapped(const std::string& text, size_t columns, size_t indent) {
  std::string lines;
  size_t column = 0;
  for (size_t begin = 0; begin < text.size();) {
    // Blanks, and the word behind them.
    const size_t word = std::min(text.find_first_not_of(' ', begin), text.size());
    const size_t end = std::min(text.find(' ', word), text.size());
    const size_t length = letters(text.substr(word, end - word));
    if (column > indent && column + (word - begin) + length > columns) {
      lines += "\n" + std::string(indent, ' ');
      column = indent;
    } else {
      lines.append(word - begin, ' ');
      column += word - begin;
    }
    lines.append(text, word, end - word);
    column += length;
    begin = end;
  }
  return lines;
}

}  // namespace legrad::io
