#pragma once

#include "graph/passes/anatomy.h"
#include "graph/passes/straighten.h"

namespace legrad::graph {

/// A model's forward as passes leave it: a straight line with its parts found.
struct Lowered {
  StraightLine line;
  Anatomy anatomy;
  Source snapshot;  ///< the line from before its attention was fused, which can be lowered anew at another size
};

/// The one door to the graph: a source becomes a straight line for an example `input`, its attention gets one form,
/// sizes are freed of the example's batch, and the parts of a vision transformer are found. Throws `ExecutionError`
/// where the model itself fails on the example, and `ModelError` for what cannot be explained.
Lowered lower(const Source& source, const at::Tensor& input, const StraightenOptions& options);

/// The same of a text tower, for an example of ids [B, N]: its stream begins where they are embedded, and causal
/// attention has its mask written out.
Lowered lower_text(const Source& source, const at::Tensor& ids, const StraightenOptions& options);

}  // namespace legrad::graph
