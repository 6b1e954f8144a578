#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace legrad::graph {

/// The names of the forward's arguments, of a `graph_module`; none where the file does not tell.
std::vector<std::string> argument_names(const nlohmann::json& graph_module);

/// The keys of what the forward returns, where it is a dict of tensors.
std::vector<std::string> output_names(const nlohmann::json& graph_module);

/// Sizes of the tensor the export was made with, of its entry in `tensor_values`; empty where they are not all told.
std::vector<int64_t> example_sizes(const nlohmann::json& meta);

}  // namespace legrad::graph
