#pragma once

#include <filesystem>

#include "graph/ir/source.h"

namespace legrad::graph {

/// Looks at a file, and reads it only if nothing in it runs by being read. Throws `ModelError` for every file that is
/// no exported model, is damaged, or is refused.
Source open_source(const std::filesystem::path& file);

}  // namespace legrad::graph
