#pragma once

#include <torch/csrc/jit/api/method.h>

#include <memory>

#include "graph/ir/ir.h"

namespace legrad::graph {

/// A copy of a method's graph with every call replaced by what it calls. Throws `ModelError` if that is too large:
/// functions that call each other twice grow beyond any memory within a page of code.
std::shared_ptr<Graph> inlined(const torch::jit::Method& method);

}  // namespace legrad::graph
