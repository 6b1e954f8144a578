#pragma once

#include <legrad/bundle.h>

#include <filesystem>

namespace legrad::io {

/// Reads the manifest.json of a model's folder. Throws `ModelError`; its message names the field.
Bundle read_manifest(const std::filesystem::path& folder);

/// As a manifest calls them.
const char* name_of(Preprocessing::Resize resize);
const char* name_of(Preprocessing::Interpolation interpolation);

}  // namespace legrad::io
