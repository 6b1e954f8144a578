#pragma once

#include <string>
#include <string_view>

// What is known of characters, from ICU. No other file here includes ICU.
namespace legrad::text {

/// Whether all of `bytes` is well-formed UTF-8.
bool is_utf8(std::string_view bytes);

/// The code points of well-formed UTF-8, and back.
std::u32string from_utf8(std::string_view bytes);
std::string to_utf8(std::u32string_view text);

/// Bytes of the UTF-8 character that begins with `first`; 1 where none does.
size_t utf8_length(char first);

std::u32string nfc(std::u32string_view text);
/// Normalisation form C with the marks of Unicode 9, the rest left where it stands.
std::u32string nfc_of_unicode_9(std::u32string_view text);
std::u32string nfkc(std::u32string_view text);

/// Lower and upper case by Unicode's full rules, whatever the language.
std::u32string lower(std::u32string_view text);
std::u32string upper(std::u32string_view text);
/// Lower case of each letter by itself.
std::u32string lower_each(std::u32string_view text);
/// Unicode's simple case folding, one character to one.
char32_t fold(char32_t letter);

bool is_letter(char32_t letter);        ///< general category L
bool is_number(char32_t letter);        ///< general category N
bool is_digit(char32_t letter);         ///< general category Nd
bool is_white_space(char32_t letter);   ///< Unicode's property
bool is_python_space(char32_t letter);  ///< the same and U+001C to U+001F, as `str.isspace` has it

}  // namespace legrad::text
