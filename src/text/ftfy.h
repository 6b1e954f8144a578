#pragma once

#include <string>
#include <string_view>

namespace legrad::text {

/// What `ftfy.fix_text` (6.3, its defaults) makes of text that was decoded rightly: all of its repairs but that of
/// characters that were decoded by another encoding than they were written in. Throws `InputError` for a text that is
/// escaped more often over than anybody writes.
std::u32string fix_text(std::u32string_view text);

}  // namespace legrad::text
