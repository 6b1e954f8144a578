#pragma once

#include "graph/ir/source.h"
#include "graph/read/archive.h"

namespace legrad::graph {

/// Reads an archive of `torch.export.save`: `models/model.json` holds the graph, and weights are raw bytes. No pickle
/// is read and nothing runs. Throws `ModelError` for everything that has another major version of the schema, is
/// damaged, or is refused.
Source read_program(const Archive& archive);

}  // namespace legrad::graph
