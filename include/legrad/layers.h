#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace legrad {

/// Reads a list of blocks, counted from 0, negative ones from the end: a comma list of indices and half-open ranges,
/// `"2"`, `"0,3,-1"`, `"6:"`, `":4"`, `"-4:"`. Returns sorted, distinct indices in [0, blocks). Throws `InputError` for
/// an index out of range or a word that is no index.
std::vector<int64_t> parse_layers(const std::string& spec, int64_t blocks);

/// Resolves indices (negative ones from the end; none: all) to sorted, distinct ones in [start_layer, blocks), the ones
/// before `start_layer` (negative: from the end) left out. Throws `InputError`, also where none is left.
std::vector<int64_t> resolve_layers(const std::vector<int64_t>& layers, int64_t blocks, int64_t start_layer = 0);

}  // namespace legrad
