#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace legrad::graph {

/// A tensor's numbers as a pickle refers to them: the record that holds them, and how long it is said to be.
struct PickledStorage {
  std::string name;
  uint64_t bytes = 0;
};

/// What a pickle needs of its archive.
struct PickledContents {
  std::vector<PickledStorage> storages;
  uint64_t packed_bytes = 0;  ///< that quantised weights take once LibTorch has packed them
};

/// Walks over the instructions of a pickle without carrying out any. Refused are instructions that LibTorch's own
/// archives do not use, names of other things than tensors and the archive's own classes, quantised weights that are
/// not whole, and values nested too deeply or too often, which would overflow the stack of whoever reads them. Throws
/// `ModelError`, which begins with the record's name.
PickledContents check_pickle(std::string_view pickle, const std::string& record);

}  // namespace legrad::graph
