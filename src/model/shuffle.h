#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace legrad::model {

/// Puts the numbers of every floating matrix among `weights` into another order, drawn from `seed`: the distribution of
/// each stays, what was learnt is gone. Vectors (norms, biases) and numbers stay. In place.
void shuffle(std::vector<at::Tensor>& weights, uint64_t seed);

}  // namespace legrad::model
