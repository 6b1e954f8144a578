#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/piece_model.h"
#include "text/piece_trie.h"
#include "text/sentencepiece_file.h"
#include "text/sentencepiece_normalizer.h"

namespace legrad::text {

/// A SentencePiece vocabulary: `Unigram` or `MergedPieces` cut what was normalised here.
class SentencePiece : public PieceModel {
 public:
  std::vector<Piece> cut(std::u32string_view text) const override;
  std::string spelled(int64_t id) const override;
  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }

 protected:
  using Type = SentencePieceFile::Type;

  /// A part of a normalised text, and its id.
  struct Part {
    std::string_view text;
    int64_t id;
  };

  explicit SentencePiece(const SentencePieceFile& file);

  virtual std::vector<Part> parts(std::string_view text) const = 0;

  float score(int64_t id) const { return entries_[static_cast<size_t>(id)].score; }
  Type type(int64_t id) const { return entries_[static_cast<size_t>(id)].type; }
  int64_t unknown() const { return unknown_; }
  /// The id of a piece, whatever its type; that of what is unknown where there is none.
  int64_t id_of(std::string_view text) const;
  /// Those that text is cut into: no control, byte or unknown piece.
  std::vector<std::pair<std::string, int64_t>> pieces_of_text() const;
  /// Those that are never cut.
  const PieceTrie& user_defined() const { return user_defined_; }

 private:
  std::vector<SentencePieceFile::Entry> entries_;
  bool byte_fallback_;
  int64_t unknown_ = 0;
  std::unordered_map<std::string_view, int64_t> ids_;
  PieceTrie user_defined_;
  SentencePieceNormalizer normalizer_;
};

}  // namespace legrad::text
