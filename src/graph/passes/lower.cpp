#include "graph/passes/lower.h"

#include <legrad/error.h>

#include <string>
#include <utility>
#include <vector>

#include "graph/passes/causal_mask.h"
#include "graph/passes/decompose_einsum.h"
#include "graph/passes/dependence.h"
#include "graph/passes/free_sizes.h"
#include "graph/passes/fuse_attention.h"
#include "graph/passes/leftovers.h"
#include "graph/passes/recompose.h"
#include "graph/passes/unfuse_attention.h"

namespace legrad::graph {
namespace {

// A line in the operators that passes look for, of any batch.
StraightLine plain_line(const Source& source, const at::Tensor& input, const StraightenOptions& options) {
  auto line = straighten(unfuse_attention(source), input, options);
  recompose(line);
  decompose_einsum(line);
  free_sizes(line);
  return line;
}

Lowered with_anatomy(StraightLine line, const std::string& description, const Value* from) {
  auto snapshot = as_source(line, description);
  const auto forms = fuse_attention(line);
  auto anatomy = find_anatomy(line, forms, from);
  refuse_unknown_attention(line, anatomy, from);
  return {std::move(line), std::move(anatomy), std::move(snapshot)};
}

const Value* embedded_ids(const StraightLine& line) {
  const auto depending = depends_on_input(line);
  std::vector<const Value*> found;
  for (const Node* node : find_all(*line.graph, "embedding")) {
    if (depending.count(node->input(1)) > 0) found.push_back(node->output());
  }
  if (found.size() == 1) return found[0];
  throw ModelError(
      "the text tower looks its ids up in " + std::to_string(found.size()) + " tables, expected one of embeddings",
      Reason::kNotOneStream);
}

}  // namespace

Lowered lower(const Source& source, const at::Tensor& input, const StraightenOptions& options) {
  return with_anatomy(plain_line(source, input, options), source.description, /*from=*/nullptr);
}

Lowered lower_text(const Source& source, const at::Tensor& ids, const StraightenOptions& options) {
  auto line = plain_line(source, ids, options);
  write_causal_masks(line);
  const Value* from = embedded_ids(line);
  return with_anatomy(std::move(line), source.description, from);
}

}  // namespace legrad::graph
