#pragma once

#include <ATen/core/Tensor.h>

#include "model/network.h"

namespace legrad::model {

/// Finds the place of every patch among the tokens, and fills in grid, prefix tokens and patch positions, row by row of
/// the image. Pieces of `images` are replaced, and the tokens looked at that change; where patches overlap, as in a
/// stem of convolutions, pieces of what the patch embedding gives, whose rows and columns are then compared with the
/// image's.
///
/// Throws `ModelError` where a token is made of several patches, or the grid lies in the image in a way that cannot be
/// told.
void find_patches(Network& network, const at::Tensor& images);

}  // namespace legrad::model
