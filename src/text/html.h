#pragma once

#include <string>
#include <string_view>

namespace legrad::text {

/// HTML's character references become what they stand for, as in a web page: named ones also without a semicolon where
/// HTML allows that, numbers of Windows-1252 characters as those, and of what is no character as nothing. The same as
/// Python's `html.unescape`.
std::u32string unescape_html(std::u32string_view text);

/// ftfy's more careful choice: only what ends in a semicolon, and letters' names in capitals too ("&EACUTE;").
std::u32string unescape_clear_html(std::u32string_view text);

/// The character that Windows-1252 has in place of a C1 control character, U+0080 to U+009F; itself if it has none.
char32_t from_windows_1252(char32_t control);

}  // namespace legrad::text
