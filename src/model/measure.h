#pragma once

#include <ATen/core/Tensor.h>

#include "model/network.h"

namespace legrad::model {

/// Measures what the graph alone does not tell, and checks what it told: that the stages give the model's own `output`
/// for `images`, which tokens are patches and in what order, which rows the readout looks at, and whether gradients may
/// be taken on those rows alone. Fills in the rest of `network.structure`. Throws `ModelError` where something does not
/// fit.
void measure(Network& network, const at::Tensor& images, const at::Tensor& output);

}  // namespace legrad::model
