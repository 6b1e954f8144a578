#pragma once

#include <filesystem>

#include "io/json_fields.h"

namespace legrad::io {

/// A file that a field of a manifest names, which must lie in the manifest's folder when all links are followed: a
/// manifest from elsewhere shall not make us read other files. Throws `ModelError`, which names the field.
std::filesystem::path file_in(const std::filesystem::path& folder, const JsonFields& fields, const char* field);

}  // namespace legrad::io
