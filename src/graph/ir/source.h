#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/ir/ir.h"

namespace legrad::graph {

/// One argument of a model's forward.
struct Argument {
  std::string name;
  std::string type;  ///< as the exporter writes it
  /// What it is bound to: the module itself, a default; none if a caller must give it.
  std::optional<c10::IValue> value{};
  std::vector<int64_t> sizes{};  ///< of the tensor it was exported with; empty where the file does not tell
};

/// The forward of a file whose linear layers hold int8 weights and round their inputs to as many steps, each time to
/// others. It runs on the CPU, in float32, on weights of its own.
struct QuantisedForward {
  std::shared_ptr<Graph> as_it_stands;
  std::shared_ptr<Graph> written_out;  ///< the same with that rounding in operators of its own
  std::vector<Argument> arguments;     ///< of both
  int64_t layers = 0;                  ///< that are quantised
};

/// A model's forward as its file gives it, whatever the kind of file. Every operator was looked at; nothing has run.
struct Source {
  std::string description;       ///< as in "TorchScript"
  std::shared_ptr<Graph> graph;  ///< calls inlined; an input for each argument
  std::vector<Argument> arguments;
  std::vector<at::Tensor> weights;  ///< parameters, buffers and constants, on the CPU
  std::optional<size_t> input{};    ///< the argument that takes the input; default: the images
  /// Where linear layers of the file hold int8 weights: in `graph` these are dequantised, and nothing is rounded.
  std::shared_ptr<const QuantisedForward> quantised{};
};

/// The index of the argument that takes the input: the source's own choice; or images, what the first convolution
/// reads, or else the first open argument.
size_t input_argument(const Source& source);

/// The index of the argument that takes the ids of tokens: what the first embedding looks up. Throws `ModelError` where
/// no argument is looked up in a table.
size_t token_argument(const Source& source);

/// Whether a constant is a number of size arithmetic, as traces hold them: it stays on the CPU. (One of floating point
/// may end in a `cat` or `stack`, which take no two devices.)
bool is_size_number(const at::Tensor& tensor);

/// Moves the weights to a device, and those of the first dtype to the second, in place.
void convert(Source& source, c10::Device device, c10::ScalarType from, c10::ScalarType to);

}  // namespace legrad::graph
