#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/ir/ir.h"
#include "graph/ir/source.h"

namespace legrad::graph {

/// What was seen of a value when the model ran on the example.
struct Fact {
  std::vector<int64_t> sizes{};  ///< of a tensor
  c10::ScalarType dtype = c10::ScalarType::Undefined;
  std::optional<double> number{};  ///< of a number, or of a tensor of one element that no pixel can change
};

using Facts = std::unordered_map<const Value*, Fact>;

/// A model's forward as a straight line of pure operators from its only input to one output. Weights and whatever
/// follows from them alone are constants; size arithmetic stays.
struct StraightLine {
  std::shared_ptr<Graph> graph;
  Facts facts;
  at::Tensor output;      ///< for the example
  std::string output_is;  ///< what it is of the output that was chosen: "the mean over 4 x 4 places"; empty: itself
  Value* input() const { return graph->inputs()[0]; }
  Value* result() const { return graph->outputs()[0]; }
};

/// The line as a source, which can be straightened anew at another size.
Source as_source(const StraightLine& line, const std::string& description);

/// Drops what the output does not need, and the facts about it.
void drop_dead_code(StraightLine& line);

/// How many numbers the line's constants hold, each weight counted once.
int64_t count_parameters(const StraightLine& line);

/// What all values on the line take together that are no views of others, on the example.
int64_t count_bytes(const StraightLine& line);

/// The sizes of a tensor as they were seen on the example; empty for any other value.
const std::vector<int64_t>& sizes_of(const StraightLine& line, const Value* value);

/// What a value is known to be as one number, if it is one: written so, or seen on the example where no pixel changes
/// it.
std::optional<double> number_of(const StraightLine& line, const Value* value);

}  // namespace legrad::graph
