#pragma once

#include <string_view>

namespace legrad::graph {

/// Whether a model may use the aten operator of this name, "matmul". Everything that is not on the list is refused.
bool is_allowed_name(std::string_view name);

}  // namespace legrad::graph
