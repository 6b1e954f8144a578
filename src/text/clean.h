#pragma once

#include <legrad/text/text_rules.h>

#include <string>
#include <string_view>

namespace legrad::text {

/// The code points of a prompt. Throws `InputError` for what is no UTF-8, holds a NUL, or is longer than 64 KiB.
std::u32string code_points(std::string_view prompt);

/// What `rules` make of a text, or of the part of one between two special tokens.
std::u32string clean(std::u32string text, const TextRules& rules);

}  // namespace legrad::text
