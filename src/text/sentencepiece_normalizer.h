#pragma once

#include <string>
#include <string_view>

#include "text/character_map.h"
#include "text/piece_trie.h"
#include "text/sentencepiece_file.h"

namespace legrad::text {

/// SentencePiece's own cleaning: characters replaced by the file's table, spaces collapsed and written as "▁" (U+2581),
/// one put before the text. (Kudo and Richardson 2018, arXiv 1808.06226.)
class SentencePieceNormalizer {
 public:
  /// `user_defined` are the pieces that stay as they are written.
  SentencePieceNormalizer(const SentencePieceFile& file, PieceTrie user_defined);

  /// Throws `ModelError`, which begins with "it", where the table makes of a text what is no text.
  std::string normalized(std::string_view text) const;

 private:
  CharacterMap::Replacement next(std::string_view text) const;
  std::string_view without_leading_spaces(std::string_view text) const;

  CharacterMap map_;
  PieceTrie user_defined_;
  std::string space_;
  bool prefix_;
  bool suffix_;
  bool remove_extra_spaces_;
};

}  // namespace legrad::text
