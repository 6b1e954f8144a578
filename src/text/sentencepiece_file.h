#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace legrad::text {

/// What a SentencePiece ".model" holds that cutting text needs; fields and their defaults as in its
/// sentencepiece_model.proto.
struct SentencePieceFile {
  enum class Type { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  struct Entry {
    std::string text;
    float score = 0;
    Type type = Type::kNormal;
  };
  enum class Algorithm { kUnigram = 1, kBpe = 2 };

  std::vector<Entry> entries;  ///< by id
  Algorithm algorithm = Algorithm::kUnigram;
  bool byte_fallback = false;
  bool space_as_suffix = false;
  std::string character_map;  ///< a trie of what characters are replaced with, for `CharacterMap`
  bool add_dummy_prefix = true;
  bool remove_extra_spaces = true;
  bool escape_spaces = true;
};

/// How a byte is spelled that no piece of text covers: "<0x0A>".
std::string byte_piece(unsigned char byte);

/// Throws `ModelError` with the file's name for what is none, is damaged, or was trained by another algorithm.
SentencePieceFile read_sentencepiece(const std::filesystem::path& file);

}  // namespace legrad::text
