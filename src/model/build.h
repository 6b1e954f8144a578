#pragma once

#include <memory>

#include "graph/ir/source.h"
#include "graph/passes/straighten.h"
#include "model/network.h"

namespace legrad::model {

/// Finds the parts of a model, cuts it into stages and measures its structure, on an example of `batch` images (one, if
/// the file holds that) of a size.
std::shared_ptr<Network> build(const graph::Source& source, int64_t batch, ImageSize size, int64_t channels,
                               const graph::StraightenOptions& straighten);

}  // namespace legrad::model
