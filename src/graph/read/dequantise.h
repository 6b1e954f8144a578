#pragma once

#include <memory>

#include "graph/ir/source.h"

namespace legrad::graph {

/// Whether a graph has linear layers with int8 weights, as `torch.ao.quantization.quantize_dynamic` makes them.
bool has_quantised_layers(Graph& graph);

/// Puts a plain linear layer with the same weights, dequantised, in the place of each such layer. Each is tried first,
/// on inputs that int8 holds without rounding, on which both must give the same. Throws `ModelError` where they do not.
/// Returns how many layers there were, those called more than once counted once.
int64_t dequantise(Source& source);

/// The forward of a file as it was read, before it was dequantised, for comparison.
std::shared_ptr<const QuantisedForward> quantised_forward(const Source& file, int64_t layers);

}  // namespace legrad::graph
