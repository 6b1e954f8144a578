#pragma once

#include <legrad/bundle.h>
#include <legrad/vit.h>

namespace legrad {

/// The image [1, C, H, W], float32, that a seed stands for: pixels in [0, 1) in the order channel, row, column, the
/// k-th one from SplitMix64 as docs/bundle.md writes it; then minus the manifest's mean, over its std.
at::Tensor check_image(const Bundle& bundle, const Structure& structure);

/// Runs the model on the image of the manifest's `check`. Throws `InputError` for a manifest without one, and
/// `ModelError` (`Reason::kNotReproduced`) where the output is farther from the one that stands there than it allows.
Verified verify(const Bundle& bundle, const Vit& vit);

}  // namespace legrad
