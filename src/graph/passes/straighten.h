#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/error.h>

#include <string>

#include "graph/ir/line.h"
#include "graph/ir/operators.h"
#include "graph/ir/source.h"

namespace legrad::graph {

/// The model itself failed on the example: an operator did not fit, or it raised an error. Perhaps the size was wrong.
class ExecutionError : public ModelError {
 public:
  using ModelError::ModelError;
};

struct StraightenOptions {
  c10::Device device = c10::Device(c10::kCPU);
  c10::ScalarType from_dtype = c10::ScalarType::Float;  ///< constants of this type ...
  c10::ScalarType to_dtype = c10::ScalarType::Float;    ///< ... become this one
  std::string output;                                   ///< name or index; empty: the first of shape [B, C]
  /// Whether products of what is in the images are computed. What is found on the line does not depend on them; its
  /// `output` has no meaning without them.
  bool products = true;
  Limits limits;
};

/// Runs a model's forward once on an input [B, ...], node by node, and keeps what was executed: the branch taken, loops
/// unrolled, dropout gone, in-place operators made functional. Every value is freed after its last use.
///
/// Throws `ModelError` for what is not allowed in a forward, a branch on pixel values, a write into something that
/// others still see, an output that needs other inputs than images, and work beyond the limits.
StraightLine straighten(const Source& source, const at::Tensor& input, const StraightenOptions& options);

}  // namespace legrad::graph
