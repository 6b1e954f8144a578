#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace legrad::text {

/// Unpacks a gzip file of at most `most` bytes unpacked. Throws `ModelError`, which begins with "it".
std::string gunzip(std::string_view packed, size_t most);

}  // namespace legrad::text
