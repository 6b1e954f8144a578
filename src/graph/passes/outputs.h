#pragma once

#include <ATen/core/ivalue.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/line.h"
#include "graph/passes/straighten.h"

namespace legrad::graph {

/// How one output of a model can be scores [B, C] of B inputs.
enum class OutputForm {
  kNone,         ///< it cannot
  kScores,       ///< [B, C]: class scores or an embedding
  kOneRow,       ///< [B, 1, C]
  kSingleLogit,  ///< [B], the score of the only class
  kPlaces,       ///< [B, C, h, w], scores at every place, as in segmentation
};

OutputForm form_of(const c10::IValue& value, int64_t batch);

/// Outputs by name or index.
using NamedOutputs = std::vector<std::pair<std::string, c10::IValue>>;

/// Which of the outputs is explained: the one that is called or counted `wanted`, or else the first one that is scores
/// as it stands, or else the first that can be made scores. Nothing where there is none.
std::optional<size_t> choose(const NamedOutputs& outputs, const std::string& wanted, int64_t batch);

/// An output as scores [B, C], outside of a line. It must have a form.
at::Tensor as_scores(const at::Tensor& output, int64_t batch, const std::optional<Place>& place);

/// Chooses from what a model returns, a tensor or a dict, tuple or list of tensors, and makes it the line's output, in
/// the form [B, C]. Throws `ModelError` with all there are.
void set_output(StraightLine& line, Value* returned, const c10::IValue& value, const StraightenOptions& options);

}  // namespace legrad::graph
