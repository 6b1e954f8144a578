#pragma once

#include <memory>

#include "graph/ir/source.h"
#include "graph/passes/straighten.h"
#include "model/network.h"

namespace legrad::model {

/// Finds the parts of a model, cuts it into stages and measures its structure, on an example of `batch` images (one, if
/// the file holds that) of a size. Packed weights take `pack_bytes`, about.
std::shared_ptr<Network> build(const graph::Source& source, int64_t batch, ImageSize size, int64_t channels,
                               const graph::StraightenOptions& straighten, int64_t pack_bytes);

/// Whether the file gives each of two images what a network that was built on one gives it alone; also where the file
/// takes no two. Tells a file that goes through its images one by one from one that mixes them.
bool stands_for_each_image(const Network& network, const graph::Source& source,
                           const graph::StraightenOptions& straighten);

}  // namespace legrad::model
