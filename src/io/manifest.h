#pragma once

#include <legrad/bundle.h>

#include <filesystem>

namespace legrad::io {

/// Reads the manifest.json of a model's folder. Throws `ModelError`; its message names the field.
Bundle read_manifest(const std::filesystem::path& folder);

}  // namespace legrad::io
