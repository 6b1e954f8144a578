#pragma once

#include <legrad/vit.h>

#include <filesystem>
#include <memory>

#include "graph/passes/straighten.h"
#include "model/network.h"

namespace legrad::model {

/// How a file is run on its example, as it is asked to be loaded.
graph::StraightenOptions straighten_options(const graph::Source& source, const LoadOptions& options);

/// Reads a file, finds the parts of its model, cuts it into stages and measures its structure.
std::shared_ptr<const Network> load_network(const std::filesystem::path& file, const LoadOptions& options);

}  // namespace legrad::model
