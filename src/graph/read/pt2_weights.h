#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "graph/read/archive.h"

namespace legrad::graph {

/// The weights, buffers and constants of a torch.export archive: raw bytes, with their sizes and strides in JSON.
class Pt2Weights {
 public:
  explicit Pt2Weights(const Archive& archive);

  /// By the name a parameter, buffer or constant has in the program. What it says of itself must fit its bytes. Weights
  /// that are tied in the program, being the same numbers of one record, are one tensor.
  at::Tensor read(const std::string& name);

 private:
  at::Tensor numbers_of(const std::string& record, c10::ScalarType dtype);

  const Archive& archive_;
  nlohmann::json weights_;
  nlohmann::json constants_;
  std::map<std::string, at::Tensor> records_;  ///< whole, each read once
  std::map<std::string, at::Tensor> tensors_;  ///< by record and description
  int64_t copied_ = 0;                         ///< bytes
};

}  // namespace legrad::graph
