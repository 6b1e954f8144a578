#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "graph/ir/instruction.h"

namespace legrad::graph {

/// Lays out the weights of linear layers as the machine's library multiplies with them, once instead of in every
/// product. A weight is packed for inputs of a number of rows; others are multiplied as ever.
class LinearPacker {
 public:
  /// `bytes`: about what all packed weights may take.
  LinearPacker(int64_t rows, int64_t bytes) : rows_(rows), bytes_(bytes) {}

  /// The step of a layer with this weight; nothing where LibTorch cannot pack it, or no room is left. A weight that
  /// several programs have is packed once.
  std::optional<Step> pack(const at::Tensor& weight);

 private:
  int64_t rows_;
  int64_t bytes_;
  std::unordered_map<const void*, Step> packed_;
};

}  // namespace legrad::graph
