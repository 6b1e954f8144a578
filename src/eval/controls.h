#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/eval/metric.h>
#include <legrad/structure.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace legrad::eval {

/// A map that no method made, to hold methods against.
struct Control {
  std::string name;
  std::string explains;
  bool looks_at_target = false;
  bool needs_masks = false;
  /// Raw maps [K, rows, columns] of a case for classes of the model.
  std::function<at::Tensor(const Case&, PatchGrid, const std::vector<int64_t>& classes)> maps;
};

/// "random": a number in [0, 1) for each patch, from the picture's seed and the class. "centred_blob": a Gaussian in
/// the middle, whose standard deviation is a quarter of the side. "mask": the object itself, zero where the data knows
/// none.
const std::vector<Control>& controls();

}  // namespace legrad::eval
