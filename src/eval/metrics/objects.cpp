#include "eval/metrics/objects.h"

#include <ATen/TensorOperators.h>

namespace legrad::eval {

at::Tensor labelled(const Case& seen, const at::Tensor& pixels) {
  return seen.unlabelled.defined() ? pixels.masked_select(~seen.unlabelled) : pixels.flatten();
}

std::vector<size_t> objects(const Case& seen) {
  std::vector<size_t> found;
  for (size_t k = 0; k < seen.questions.size(); ++k) {
    const at::Tensor& mask = seen.questions[k].mask;
    if (mask.defined() && labelled(seen, mask).any().item<bool>()) found.push_back(k);
  }
  return found;
}

std::vector<double> sum_over_objects(const Case& seen, const Maps& maps,
                                     double (*formula)(const at::Tensor& heat, const at::Tensor& mask)) {
  const auto found = objects(seen);
  if (found.empty()) return {};
  double sum = 0;
  for (const size_t k : found) {
    const at::Tensor heat = maps.heat[static_cast<int64_t>(k)];
    sum += formula(labelled(seen, heat), labelled(seen, seen.questions[k].mask));
  }
  return {sum, static_cast<double>(found.size())};
}

}  // namespace legrad::eval
