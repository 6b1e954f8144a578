#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/network.h"

namespace legrad::model {

/// What a block's tail gives for the context [1, h, N, e] and tokens [1, N, d] of an image.
struct TailSeen {
  at::Tensor tokens;        ///< [1, N, d]
  bool keeps_rows = false;  ///< the same on the rows alone as beside the others, and no gradient leads to the others
};

/// Runs a block's tail, and looks whether it can be run on `rows` alone (empty: not asked). Throws `ModelError` where a
/// row of the context goes to another token than the one it is of.
TailSeen check_tail(const Network& network, const Network::Block& block, const at::Tensor& context,
                    const at::Tensor& tokens, const std::vector<int64_t>& rows, const std::string& name);

}  // namespace legrad::model
