#pragma once

#include <filesystem>

#include "graph/ir/source.h"

namespace legrad::graph {

/// Reads a TorchScript archive, whose zip was checked. Its code is read as text first, and refused if it holds
/// `__setstate__`, operators that touch files, or operators of unknown namespaces. Throws `ModelError` for everything that is
/// no TorchScript archive, is damaged, or is refused.
Source open_archive(const std::filesystem::path& file);

}  // namespace legrad::graph
