#include "graph/ir/linear_rows.h"

#include "graph/ir/linear.h"
#include "graph/ir/tape.h"

namespace legrad::graph {

void LinearRows::keep(const Instruction* layer, const at::Tensor& output) {
  if (output.dim() != 3 || batch_ == tokens_) return;
  for (const int64_t images : {0, 1}) {
    if (output.size(images) != batch_ || output.size(1 - images) != tokens_) continue;
    kept_.insert_or_assign(layer, Rows{choose_(output.detach(), 1 - images).clone(), images});  // lets go of the others
  }
}

at::Tensor LinearRows::give(const Instruction* layer, const at::Tensor& input, const at::Tensor& weight) const {
  const auto found = kept_.find(layer);
  if (found == kept_.end() || input.dim() != 3) return {};
  const auto& [values, images] = found->second;
  const int64_t times = input.size(images) / batch_;
  auto sizes = input.sizes().vec();
  sizes.back() = weight.size(0);
  std::vector<int64_t> repeats = {1, 1, 1};
  repeats[images] = times;
  auto known = times == 1 ? values : values.repeat(repeats);
  if (known.sizes() != at::IntArrayRef(sizes)) return {};
  return with_back(
      input, [&known] { return known; },
      [weight](const at::Tensor& cotangent) { return linear_back(cotangent, weight); });
}

}  // namespace legrad::graph
