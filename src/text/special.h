#pragma once

#include <legrad/text/text_rules.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace legrad::text {

/// Throws `InputError` for rules that make no sense: ids below 0 or beyond 2^24, a length of 1 with a begin and an end.
void check(const TextRules& rules);

/// A stretch of a prompt: a special token, or text between two.
struct Span {
  std::u32string text;
  std::optional<int64_t> special;
};

/// The prompt cut at the special tokens that are looked for before cleaning, the longest where several fit; one stretch
/// of text where they are looked for after it. No stretch is empty.
std::vector<Span> spans(const std::u32string& prompt, const SpecialTokens& special);

}  // namespace legrad::text
