#pragma once

#include <ATen/core/Tensor.h>
#include <caffe2/serialize/inline_container.h>

#include <nlohmann/json.hpp>
#include <string>

namespace legrad::graph {

/// A record of an archive as JSON; its size and nesting are bounded.
nlohmann::json read_json(caffe2::serialize::PyTorchStreamReader& reader, const std::string& record);

/// torch.export's number for a dtype.
c10::ScalarType scalar_type(const nlohmann::json& number);

/// The weights, buffers and constants of a torch.export archive: raw bytes, with their sizes and strides in JSON.
class Pt2Weights {
 public:
  explicit Pt2Weights(caffe2::serialize::PyTorchStreamReader& reader);

  /// By the name a parameter, buffer or constant has in the program. What it says of itself must fit its bytes.
  at::Tensor read(const std::string& name) const;

 private:
  caffe2::serialize::PyTorchStreamReader& reader_;
  nlohmann::json weights_;
  nlohmann::json constants_;
};

}  // namespace legrad::graph
