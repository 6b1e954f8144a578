#pragma once

#include <nlohmann/json.hpp>

#include "graph/ir/source.h"
#include "graph/read/pt2_weights.h"

namespace legrad::graph {

/// The graph of a torch.export archive (`graph_module` of models/model.json) with its weights as constants. What only
/// asserts something is left out.
Source read_graph(const nlohmann::json& graph_module, Pt2Weights& weights);

}  // namespace legrad::graph
