#include "graph/passes/causal_mask.h"

#include <ATen/Functions.h>

#include "graph/ir/writer.h"

namespace legrad::graph {

void write_causal_masks(StraightLine& line) {
  constexpr size_t kMask = 3, kIsCausal = 5;
  for (Node* node : find_all(*line.graph, "scaled_dot_product_attention")) {
    if (number_of(line, node->input(kIsCausal)).value_or(0) == 0) continue;
    const int64_t queries = sizes_of(line, node->input(0)).at(2), keys = sizes_of(line, node->input(1)).at(2);
    const auto device = line.output.device();
    Writer write(line, node);
    const auto mask = at::ones({queries, keys}, at::TensorOptions().dtype(at::kBool).device(device)).tril();
    Value* written = write.constant(mask);
    line.facts[written] = {.sizes = {queries, keys}, .dtype = at::kBool};
    node->replaceInput(kMask, written);
    node->replaceInput(kIsCausal, write.constant(false));
  }
}

}  // namespace legrad::graph
