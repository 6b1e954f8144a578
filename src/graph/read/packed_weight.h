#pragma once

#include <cstdint>

#include "graph/read/pickle_value.h"

namespace legrad::graph {

/// LibTorch packs the weights of a quantised linear layer anew while it reads a pickle, before a tensor could be looked
/// at. So what they are made of is looked at here: int8 weights [out, in], row by row in their storage, with scales and
/// zero points for all or for each row, and a bias or none. Throws `ModelError` for everything else. Returns how many
/// bytes it takes to pack them.
uint64_t check_packed_weight(const PickledValue& state, const PickledTuples& tuples);

}  // namespace legrad::graph
