#pragma once

#include <string>
#include <string_view>

namespace legrad::eval {

/// Text as it stands in HTML, in an element or an attribute in quotes: nothing of it is markup.
std::string escaped(std::string_view text);

/// A file's bytes as a URL that holds them.
std::string data_url(const std::string& type, const std::string& bytes);

}  // namespace legrad::eval
