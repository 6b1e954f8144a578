#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/error.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/ir/ir.h"
#include "graph/ir/operators.h"
#include "graph/ir/source.h"

namespace legrad::graph {

/// The model itself failed on the example: an operator did not fit, or it raised an error. Perhaps the size was wrong.
class ExecutionError : public ModelError {
 public:
  using ModelError::ModelError;
};

/// What was seen of a value when the model ran on the example.
struct Fact {
  std::vector<int64_t> sizes;  ///< of a tensor
  c10::ScalarType dtype = c10::ScalarType::Undefined;
  std::optional<double> number;  ///< of a number, or of a tensor of one element that no pixel can change
};

/// A model's forward as a straight line of pure operators from the images, its only input, to one output. Weights and
/// whatever follows from them alone are constants; size arithmetic stays.
struct StraightLine {
  std::shared_ptr<Graph> graph;
  std::unordered_map<const Value*, Fact> facts;
  at::Tensor output;  ///< for the example
  Value* input() const { return graph->inputs()[0]; }
  Value* result() const { return graph->outputs()[0]; }
};

struct StraightenOptions {
  c10::Device device = c10::Device(c10::kCPU);
  c10::ScalarType from_dtype = c10::ScalarType::Float;  ///< constants of this type ...
  c10::ScalarType to_dtype = c10::ScalarType::Float;    ///< ... become this one
  std::string output;                                   ///< name or index; empty: the first of shape [B, C]
  Limits limits;
};

/// Runs a model's forward once on `images` [B, C, H, W], node by node, and keeps what was executed: the branch taken, loops
/// unrolled, dropout gone, in-place operators made functional. Every value is freed after its last use.
///
/// Throws `ModelError` for what is not allowed in a forward, a branch on pixel values, a write into something that others
/// still see, an output that needs other inputs than images, and work beyond the limits.
StraightLine straighten(const Source& source, const at::Tensor& images, const StraightenOptions& options);

/// The line as a source, which can be straightened anew at another size.
Source as_source(const StraightLine& line, const std::string& description);

/// Drops what the output does not need, and the facts about it.
void drop_dead_code(StraightLine& line);

}  // namespace legrad::graph
