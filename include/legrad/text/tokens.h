#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace legrad {

/// A prompt as a model reads it.
struct Tokens {
  std::vector<int64_t> ids;         ///< with the begin and end tokens, without padding; no longer than the model takes
  std::vector<std::string> pieces;  ///< one an id, in the spelling of the vocabulary: "cat</w>", "▁cat", "<0xE2>"
  size_t dropped = 0;               ///< tokens of the prompt that had no room; 0 where all of it was read
};

}  // namespace legrad
