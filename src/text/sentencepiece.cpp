#include "text/sentencepiece.h"

#include <utility>

#include "text/unicode.h"

namespace legrad::text {
namespace {

PieceTrie user_defined_of(const SentencePieceFile& file) {
  std::vector<std::pair<std::string, int64_t>> pieces;
  for (size_t id = 0; id < file.entries.size(); ++id) {
    if (file.entries[id].type == SentencePieceFile::Type::kUserDefined) {
      pieces.emplace_back(file.entries[id].text, static_cast<int64_t>(id));
    }
  }
  return PieceTrie(std::move(pieces));
}

}  // namespace

SentencePiece::SentencePiece(const SentencePieceFile& file)
    : entries_(file.entries),
      byte_fallback_(file.byte_fallback),
      user_defined_(user_defined_of(file)),
      normalizer_(file, user_defined_) {
  ids_.reserve(entries_.size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    const auto id = static_cast<int64_t>(i);
    ids_[entries_[i].text] = id;
    if (entries_[i].type == Type::kUnknown) {
      unknown_ = id;
    }
  }
}

std::string SentencePiece::spelled(int64_t id) const {
  return id >= 0 && id < size() ? entries_[static_cast<size_t>(id)].text : std::string();
}

int64_t SentencePiece::id_of(std::string_view text) const {
  const auto found = ids_.find(text);
  return found == ids_.end() ? unknown_ : found->second;
}

std::vector<std::pair<std::string, int64_t>> SentencePiece::pieces_of_text() const {
  std::vector<std::pair<std::string, int64_t>> pieces;
  pieces.reserve(entries_.size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Type type = entries_[i].type;
    if (type == Type::kNormal || type == Type::kUserDefined || type == Type::kUnused) {
      pieces.emplace_back(entries_[i].text, static_cast<int64_t>(i));
    }
  }
  return pieces;
}

std::vector<Piece> SentencePiece::cut(std::u32string_view text) const {
  const std::string normalized = normalizer_.normalized(to_utf8(text));
  std::vector<Piece> pieces;
  bool after_unknown = false;
  for (const Part& part : parts(normalized)) {
    const bool is_unknown = type(part.id) == Type::kUnknown;
    if (is_unknown && byte_fallback_) {
      for (const char byte : part.text) {
        const std::string spelling = byte_piece(static_cast<unsigned char>(byte));
        pieces.push_back({id_of(spelling), spelling});
      }
    } else if (is_unknown && after_unknown) {
      pieces.back().text += part.text;  // what is unknown is one token, however long
    } else {
      pieces.push_back({part.id, std::string(part.text)});
    }
    after_unknown = is_unknown;
  }
  return pieces;
}

}  // namespace legrad::text
