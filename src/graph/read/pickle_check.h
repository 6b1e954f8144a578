#pragma once

#include <string>
#include <string_view>

namespace legrad::graph {

/// Walks over the instructions of a pickle without carrying out any. Refused are instructions that LibTorch's own
/// archives do not use, names of other things than tensors and the archive's own classes, and values nested too deeply
/// or too often, which would overflow the stack of whoever reads them. Throws `ModelError`, which begins with the
/// record's name.
void check_pickle(std::string_view pickle, const std::string& record);

}  // namespace legrad::graph
