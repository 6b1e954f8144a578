#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/network.h"

namespace legrad::model {

/// What goes into a block's tail for one image.
struct TailOfImage {
  at::Tensor context;  ///< [1, h, N, e]
  at::Tensor tokens;   ///< [1, N, d]
};

/// What a block's tail gives for the image alone.
struct TailSeen {
  at::Tensor tokens;        ///< [1, N, d]
  bool keeps_rows = false;  ///< the same on the rows alone as beside the others, and no gradient leads to the others
  bool knows_rows = false;  ///< and the same with what the tail's linear layers gave for them among all
};

/// Looks how a block's tail treats an image alone, and whether it can be run on `rows` alone (empty: not asked). Throws
/// `ModelError` where a row of the context goes to another token than the one it is of.
TailSeen check_tail(const Network& network, const Network::Block& block, const TailOfImage& image,
                    const std::vector<int64_t>& rows, const std::string& name);

}  // namespace legrad::model
