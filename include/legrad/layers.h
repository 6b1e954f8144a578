#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace legrad {

/// A choice of blocks that was made before there is a model: a comma list of indices and half-open ranges, counted from
/// 0, negative ones from the end: `"2"`, `"0,3,-1"`, `"6:"`, `":4"`, `"-4:"`; or `"all"`.
class LayerChoice {
 public:
  LayerChoice() = default;  ///< no choice was made

  /// Throws `InputError` for a word that is no index or range.
  explicit LayerChoice(const std::string& spec);

  /// The blocks chosen of a model that has `blocks` of them: sorted, distinct indices in [0, blocks); none where no
  /// choice was made. Throws `InputError` for an index that the model does not have, and for a range without a block.
  std::vector<int64_t> of(int64_t blocks) const;

  /// As it was written, without blanks.
  std::string text() const;

 private:
  std::vector<std::string> words_;
};

/// Reads a choice of blocks for a model that is there: `LayerChoice(spec).of(blocks)`.
std::vector<int64_t> parse_layers(const std::string& spec, int64_t blocks);

/// Resolves indices (negative ones from the end; none: all) to sorted, distinct ones in [start_layer, blocks), the ones
/// before `start_layer` (negative: from the end) left out. Throws `InputError`, also where none is left.
std::vector<int64_t> resolve_layers(const std::vector<int64_t>& layers, int64_t blocks, int64_t start_layer = 0);

}  // namespace legrad
