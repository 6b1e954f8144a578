#include "model/shuffle.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>

namespace legrad::model {

void shuffle(std::vector<at::Tensor>& weights, uint64_t seed) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (at::Tensor& weight : weights) {
    if (!weight.is_floating_point() || weight.squeeze().dim() < 2) continue;
    const auto order = at::randperm(weight.numel(), generator, at::kLong);
    weight.set_data(weight.flatten().index_select(0, order).view(weight.sizes()));
  }
}

}  // namespace legrad::model
