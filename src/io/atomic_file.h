#pragma once

#include <filesystem>
#include <initializer_list>
#include <string_view>

namespace legrad::io {

/// Writes `parts` one after the other as the whole content of `file`: into a temporary beside it, which is then
/// renamed. So the file is there whole or not at all, and an older one stays until the new one is complete. Throws
/// `InputError` if it cannot.
void write_atomically(const std::filesystem::path& file, std::initializer_list<std::string_view> parts);

}  // namespace legrad::io
