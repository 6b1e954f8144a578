#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace legrad::text {

/// One of HTML's named character references.
struct HtmlEntity {
  std::string_view name;  ///< "amp;", or "amp" where the semicolon may be left out
  char32_t first;
  char32_t second;  ///< 0 where it is one character
};

constexpr size_t kHtmlEntities = 2231;

/// All of them, sorted by name.
extern const std::array<HtmlEntity, kHtmlEntities> html_entities;

}  // namespace legrad::text
