#include "graph/passes/dependence.h"

#include "graph/ir/operators.h"

namespace legrad::graph {

std::unordered_set<const Value*> depends_on_input(const StraightLine& line) { return depends_on(line, line.input()); }

std::unordered_set<const Value*> depends_on(const StraightLine& line, const Value* value) {
  std::unordered_set<const Value*> carrying = {value};
  for (const Node* node : line.graph->nodes()) {
    if (reads_shape_only(node)) continue;
    bool carries = false;
    for (const Value* input : node->inputs()) carries = carries || carrying.count(input) > 0;
    if (!carries) continue;
    for (const Value* output : node->outputs()) carrying.insert(output);
  }
  return carrying;
}

}  // namespace legrad::graph
