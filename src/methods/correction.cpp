#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/correction.h>
#include <legrad/error.h>
#include <legrad/heatmap.h>

namespace legrad {

at::Tensor corrected(const at::Tensor& maps, const at::Tensor& empty_maps, double threshold) {
  if (!(threshold >= 0 && threshold <= 1)) {
    throw InputError("correction threshold " + std::to_string(threshold) + " is outside [0, 1]");
  }
  return maps.masked_fill(normalized(empty_maps) > threshold, 0);
}

Explanation explain(const Vit& vit, const at::Tensor& images, const Target& target, const std::vector<Method>& methods,
                    const Correction& correction) {
  auto explanation = explain(vit, images, joined(correction.empty, target), methods);
  if (const int64_t empties = correction.empty.count(explanation.output); empties != 1) {
    throw InputError("the empty prompt of a correction is one target; " + std::to_string(empties) + " were given");
  }
  for (auto& maps : explanation.maps) {
    maps = corrected(maps.narrow(1, 1, maps.size(1) - 1), maps.narrow(1, 0, 1), correction.threshold);
  }
  return explanation;
}

}  // namespace legrad
