#include "text/clean.h"

#include <legrad/error.h>

#include <algorithm>
#include <utility>

#include "text/ftfy.h"
#include "text/html.h"
#include "text/unicode.h"

namespace legrad {
namespace text {
namespace {

constexpr size_t kMostPromptBytes = size_t{64} << 10;

std::u32string stripped(std::u32string_view text) {
  while (!text.empty() && is_python_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_python_space(text.back())) {
    text.remove_suffix(1);
  }
  return std::u32string(text);
}

std::u32string collapsed(std::u32string_view text) {
  std::u32string result;
  bool space = false;
  for (const char32_t letter : text) {
    if (is_python_space(letter)) {
      space = !result.empty();
      continue;
    }
    if (space) {
      result.push_back(U' ');
      space = false;
    }
    result.push_back(letter);
  }
  return result;
}

bool is_ascii_punctuation(char32_t letter) {
  return (letter >= '!' && letter <= '/') || (letter >= ':' && letter <= '@') || (letter >= '[' && letter <= '`') ||
         (letter >= '{' && letter <= '~');
}

std::u32string without_punctuation(std::u32string text) {
  std::erase_if(text, is_ascii_punctuation);
  return text;
}

std::u32string canonicalized(std::u32string text) {
  std::ranges::replace(text, U'_', U' ');
  return collapsed(without_punctuation(std::move(text)));
}

std::u32string lowered(std::u32string text, LowerCase rule) {
  switch (rule) {
    case LowerCase::kNone:
      return text;
    case LowerCase::kPython:
      return lower(text);
    case LowerCase::kHuggingFace:
      return lower_each(text);
  }
  return text;
}

std::u32string after(CleanStep step, std::u32string text, LowerCase rule) {
  switch (step) {
    case CleanStep::kNfc:
      return nfc_of_unicode_9(text);
    case CleanStep::kFtfyLite:
      return stripped(unescape_html(unescape_html(fix_text(text))));
    case CleanStep::kWhitespace:
      return collapsed(text);
    case CleanStep::kPunctuation:
      return without_punctuation(std::move(text));
    case CleanStep::kCanonicalize:
      return canonicalized(std::move(text));
    case CleanStep::kLower:
      return lowered(std::move(text), rule);
  }
  return text;
}

}  // namespace

std::u32string code_points(std::string_view prompt) {
  if (prompt.size() > kMostPromptBytes) {
    throw InputError("a prompt has " + std::to_string(prompt.size()) + " bytes; at most " +
                         std::to_string(kMostPromptBytes) + " are read",
                     Reason::kTooLarge);
  }
  if (prompt.find('\0') != std::string_view::npos) {
    throw InputError("a prompt holds a NUL character; give text without it", Reason::kNotText);
  }
  if (!is_utf8(prompt)) {
    throw InputError("a prompt is no valid UTF-8; save or type it in that encoding", Reason::kNotText);
  }
  return from_utf8(prompt);
}

std::u32string clean(std::u32string text, const TextRules& rules) {
  for (const CleanStep step : rules.clean) {
    text = after(step, std::move(text), rules.lower);
  }
  const bool placed = std::ranges::find(rules.clean, CleanStep::kLower) != rules.clean.end();
  return placed ? text : lowered(std::move(text), rules.lower);
}

}  // namespace text

std::string clean_text(std::string_view prompt, const TextRules& rules) {
  return text::to_utf8(text::clean(text::code_points(prompt), rules));
}

}  // namespace legrad
