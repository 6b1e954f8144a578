#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace legrad::io {

/// All bytes of an ordinary file of at most `limit` bytes. `what` names it in messages ("picture", "manifest"). Throws
/// `InputError` for a file that is missing, no ordinary file, unreadable or larger.
std::string read_file(const std::filesystem::path& file, uint64_t limit, const char* what);

}  // namespace legrad::io
