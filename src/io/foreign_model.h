#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace legrad::io {

/// What a file is that is given for a model by mistake (weights alone, another runtime's model, a page or pointer in
/// place of the download), told by its first bytes, with what to do about it. Empty if it may be an exported model.
std::string foreign_file(const std::filesystem::path& file);

/// The same for a zip archive, by the names of its records.
std::string foreign_archive(const std::vector<std::string>& records);

/// The same for a folder without a manifest, by the names of its files.
std::string foreign_folder(const std::filesystem::path& folder);

}  // namespace legrad::io
