#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <unordered_map>
#include <vector>

#include "graph/ir/ir.h"
#include "graph/ir/source.h"

namespace legrad::graph {

/// A value of the module's graph, run on the example.
struct Known {
  c10::IValue value;
  Value* straight = nullptr;      ///< its place on the straight line; none for a constant nobody needed yet
  bool from_images = false;       ///< depends on the images, if only on their size
  bool from_pixels = false;       ///< depends on what is in them
  std::vector<Known> elements{};  ///< of a tuple
  /// An input nobody gave, such as a text, that it depends on; there is no value then.
  const Argument* missing = nullptr;
};

using KnownValues = std::unordered_map<const Value*, Known>;

}  // namespace legrad::graph
