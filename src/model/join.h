#pragma once

#include <cstdint>
#include <memory>

#include "model/network.h"

namespace legrad::model {

/// The embedding and the first `blocks` blocks of one network, then what follows them in another of the same structure.
std::shared_ptr<const Network> joined(const Network& first, const Network& rest, int64_t blocks);

}  // namespace legrad::model
