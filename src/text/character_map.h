#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace legrad::text {

/// What SentencePiece's normaliser replaces characters with: a double-array trie (Aoe 1989, doi 10.1109/32.31365; units
/// of 32 bits, as the library Darts-clone lays them out) from byte strings to places among zero-ended strings. It comes
/// from a file, so that no step leaves its arrays.
class CharacterMap {
 public:
  CharacterMap() = default;
  /// `blob`: the size of the trie in bytes, the trie, the strings. Throws `ModelError`, which begins with "it".
  explicit CharacterMap(std::string_view blob);

  struct Replacement {
    size_t length = 0;      ///< bytes of the text that are replaced
    std::string_view text;  ///< what with
  };
  /// The replacement of the longest beginning of `text` that has one.
  std::optional<Replacement> longest(std::string_view text) const;

 private:
  std::vector<uint32_t> units_;
  std::string strings_;
};

}  // namespace legrad::text
