#pragma once

#include <memory>

#include "model/network.h"

namespace legrad::model {

/// The network for images of another size. Throws `InputError` for a size that is no multiple of the patch size, and
/// `ModelError` where the file holds more of its size than a position embedding.
std::shared_ptr<const Network> resize(const Network& network, ImageSize size);

}  // namespace legrad::model
