#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "graph/ir/source.h"
#include "graph/passes/straighten.h"

namespace legrad::graph {

/// The output that a file's own forward has for `images`: its graph as it stands, run by LibTorch's interpreter,
/// branches, loops and writes in place included. Shares nothing with the straightener, so that neither can hide a
/// mistake of the other. Nothing where the forward needs an input nobody gave.
///
/// To be called only for images of a shape that the graph was straightened with: that run was bounded, this one is not.
/// Throws `ModelError` where the forward fails.
std::optional<at::Tensor> run_as_it_stands(const Source& source, const at::Tensor& images,
                                           const StraightenOptions& options);

}  // namespace legrad::graph
