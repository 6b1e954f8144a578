#pragma once

#include "graph/ir/source.h"
#include "graph/read/archive.h"

namespace legrad::graph {

/// Reads a TorchScript archive. Its code and its pickles are looked at as they are written before LibTorch loads them.
/// Throws `ModelError` for what is damaged or refused.
Source read_torchscript(const Archive& archive);

}  // namespace legrad::graph
