#pragma once

#include <filesystem>

#include "graph/ir/source.h"

namespace legrad::graph {

/// Reads an archive of `torch.export.save`, whose zip was checked: `models/model.json` holds the graph, and weights are raw
/// bytes. No pickle is read and nothing runs. Throws `ModelError` for everything that is no such archive, has another major
/// version of the schema, is damaged, or is refused.
Source open_pt2(const std::filesystem::path& file);

}  // namespace legrad::graph
