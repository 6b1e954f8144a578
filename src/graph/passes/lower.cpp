#include "graph/passes/lower.h"

#include "graph/passes/decompose_einsum.h"
#include "graph/passes/free_sizes.h"
#include "graph/passes/fuse_attention.h"
#include "graph/passes/unfuse_attention.h"

namespace legrad::graph {

Lowered lower(const Source& source, const at::Tensor& input, const StraightenOptions& options) {
  auto line = straighten(unfuse_attention(source), input, options);
  decompose_einsum(line);
  free_sizes(line);
  auto snapshot = as_source(line, source.description);
  const auto forms = fuse_attention(line);
  auto anatomy = find_anatomy(line, forms);
  return {std::move(line), std::move(anatomy), std::move(snapshot)};
}

}  // namespace legrad::graph
