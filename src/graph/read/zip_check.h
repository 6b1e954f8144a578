#pragma once

#include <filesystem>

namespace legrad::graph {

/// Reads a zip archive's directory and checks, before anyone else reads the file, that every record lies inside it, is
/// stored (not compressed) or small, has a name that does not leave the archive, and has the CRC-32 the directory says.
/// LibTorch checks none of this: a flipped bit of a weight loads without a word. Throws `ModelError`.
void check_zip(const std::filesystem::path& file);

}  // namespace legrad::graph
