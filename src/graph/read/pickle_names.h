#pragma once

#include <cstdint>
#include <string>

namespace legrad::graph {

/// What a pickle names to build its values with.
struct PickledName {
  bool function = false;  ///< or a class, which is called too
  uint64_t width = 0;     ///< of a storage's numbers, in bytes; 0 where it is none
};

/// Throws `ModelError` for names of other things than tensors and the archive's own classes.
PickledName pickled_name(const std::string& module, const std::string& name);

}  // namespace legrad::graph
