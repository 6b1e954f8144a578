#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace legrad::io {

/// `text` with ASCII letters in lower case.
std::string lower_case(std::string text);

/// Up to `most` of `names` that `wanted` may have been meant to be, best first.
std::vector<std::string> nearest_names(const std::string& wanted, const std::vector<std::string>& names,
                                       size_t most = 3);

}  // namespace legrad::io
