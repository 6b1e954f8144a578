#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace legrad::io {

/// `text` without blanks at its ends.
std::string_view trimmed(std::string_view text);

/// What stands between the `separator`s of `text`, trimmed; at least one word, which may be empty.
std::vector<std::string> words_between(std::string_view text, char separator);

/// Words with ", " between them, or `separator`.
std::string joined(const std::vector<std::string>& words, const std::string& separator = ", ");

/// `text` as one printable line: line ends become blanks, other control characters '?'. File names, labels and messages
/// come from files that are not ours, and a terminal obeys what it is sent.
std::string one_line(std::string_view text);

/// `text` with line ends in place of blanks, so that no line is longer than `columns`; lines after the first are
/// indented. Blanks at its beginning, and several in a row, stay.
std::string wrapped(const std::string& text, size_t columns, size_t indent = 0);

/// The number that all of `text` is, if it is one that `Number` can hold.
template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional<Number>(value) : std::nullopt;
}

}  // namespace legrad::io
