#include "graph/passes/positions.h"

#include <ATen/Functions.h>
#include <torch/csrc/jit/ir/constants.h>

#include <optional>

namespace legrad::graph {
namespace {

// [n, d] -> [n', d].
at::Tensor resampled(const at::Tensor& rows, PatchGrid from, PatchGrid to) {
  const auto dtype = rows.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto map = rows.to(dtype).reshape({1, from.rows, from.columns, -1}).permute({0, 3, 1, 2});
  const auto resized = at::_upsample_bicubic2d_aa(map, {to.rows, to.columns}, /*align_corners=*/false);
  return resized.flatten(2)[0].t().to(rows.scalar_type());
}

// The constant for another grid, if it is a position embedding.
std::optional<at::Tensor> for_grid(const at::Tensor& constant, const PositionLayout& layout, PatchGrid to) {
  const int64_t patches = layout.grid.rows * layout.grid.columns;
  const int64_t all = layout.before + patches + layout.after;
  auto sizes = constant.sizes().vec();
  if (sizes.size() == 4 && sizes[0] == 1 && sizes[1] == layout.width && sizes[2] == layout.grid.rows &&
      sizes[3] == layout.grid.columns) {
    const auto rows = resampled(constant[0].flatten(1).t(), layout.grid, to);
    return rows.t().reshape({1, layout.width, to.rows, to.columns});
  }
  if (sizes.size() < 2 || sizes.size() > 3 || sizes.back() != layout.width) return std::nullopt;
  if (sizes.size() == 3 && sizes[0] != 1) return std::nullopt;
  const int64_t count = sizes.end()[-2];
  if (count != all && count != patches) return std::nullopt;
  const auto rows = constant.reshape({count, layout.width});
  const int64_t before = count == all ? layout.before : 0;
  const auto made = at::cat({rows.narrow(0, 0, before), resampled(rows.narrow(0, before, patches), layout.grid, to),
                             rows.narrow(0, before + patches, count - before - patches)});
  sizes.end()[-2] = made.size(0);
  return made.reshape(sizes);
}

}  // namespace

Source with_positions(const Source& line, const PositionLayout& layout, PatchGrid grid) {
  auto made = line;
  made.graph = line.graph->copy();
  for (Node* node : made.graph->nodes()) {
    if (is_aten(node, "softmax") || is_aten(node, "scaled_dot_product_attention")) break;
    if (!is_aten(node, "add")) continue;
    for (const size_t side : {0, 1}) {
      const auto constant = torch::jit::toIValue(node->input(side));
      if (!constant || !constant->isTensor()) continue;
      const auto positions = for_grid(constant->toTensor(), layout, grid);
      if (!positions) continue;
      const torch::jit::WithInsertPoint guard(node);
      node->replaceInput(side, made.graph->insertConstant(*positions));
    }
  }
  return made;
}

}  // namespace legrad::graph
