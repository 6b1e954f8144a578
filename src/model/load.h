#pragma once

#include <legrad/vit.h>

#include <filesystem>
#include <memory>

#include "model/network.h"

namespace legrad::model {

/// Reads a file, finds the parts of its model, cuts it into stages and measures its structure.
std::shared_ptr<const Network> load_network(const std::filesystem::path& file, const LoadOptions& options);

}  // namespace legrad::model
