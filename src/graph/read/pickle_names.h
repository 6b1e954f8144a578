#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "graph/read/pickle_value.h"

namespace legrad::graph {

/// What a pickle names to build its values with.
struct PickledName {
  PickledValue::Kind kind = PickledValue::Kind::kFunction;
  std::string_view text = {};  ///< of a storage: of what numbers; of a scheme: which
  uint64_t width = 0;          ///< of a storage's numbers, in bytes; 0 where it is none
};

/// Throws `ModelError` for names of other things than tensors, weights of quantised linear layers, and the archive's
/// own classes.
PickledName pickled_name(const std::string& module, const std::string& name);

}  // namespace legrad::graph
