#pragma once

#include <filesystem>
#include <string>

namespace legrad::io {

/// What a folder without a manifest is that is given for a model, by the names of its files, with what to do about it:
/// an exported model lies in it, or weights without a graph. Empty where nothing tells.
std::string foreign_folder(const std::filesystem::path& folder);

}  // namespace legrad::io
