#include <legrad/error.h>
#include <legrad/text/tokenizer.h>

#include <algorithm>
#include <string>
#include <utility>

#include "text/byte_bpe.h"
#include "text/clean.h"
#include "text/merged_pieces.h"
#include "text/sentencepiece_file.h"
#include "text/special.h"
#include "text/unicode.h"
#include "text/unigram.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;

/// The ids that rules name, which need not be in the vocabulary's file: CLIP's begin and end tokens are not.
int64_t size_with(const TextRules& rules, int64_t size) {
  size = std::max({size, rules.pad + 1, rules.begin.value_or(0) + 1, rules.end.value_or(0) + 1});
  for (const auto& [string, id] : rules.special.ids) {
    size = std::max(size, id + 1);
  }
  return size;
}

std::string spelled(int64_t id, const TextRules& rules, const text::PieceModel& pieces) {
  const auto named = std::ranges::find(rules.special.ids, id, [](const auto& special) { return special.second; });
  return named == rules.special.ids.end() ? pieces.spelled(id) : named->first;
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const text::PieceModel> pieces, TextRules rules)
    : pieces_(std::move(pieces)), rules_(std::move(rules)), size_(size_with(rules_, pieces_->size())) {
  text::check(rules_);
}

Tokenizer Tokenizer::clip_bpe(const fs::path& file, TextRules rules) {
  auto pieces = std::make_shared<text::ByteBpe>(text::read_bpe(file), rules.special);
  return {std::move(pieces), std::move(rules)};
}

Tokenizer Tokenizer::clip_bpe(const fs::path& vocabulary, const fs::path& merges, TextRules rules) {
  auto pieces = std::make_shared<text::ByteBpe>(text::read_bpe(vocabulary, merges), rules.special);
  return {std::move(pieces), std::move(rules)};
}

Tokenizer Tokenizer::sentencepiece(const fs::path& file, TextRules rules) {
  if (!rules.special.ids.empty() && rules.special.found_in != SpecialTokens::FoundIn::kRaw) {
    throw InputError("with SentencePiece special tokens are found in the raw prompt only");
  }
  const text::SentencePieceFile read = text::read_sentencepiece(file);
  std::shared_ptr<const text::PieceModel> pieces;
  if (read.algorithm == text::SentencePieceFile::Algorithm::kUnigram) {
    pieces = std::make_shared<text::Unigram>(read);
  } else {
    pieces = std::make_shared<text::MergedPieces>(read);
  }
  return {std::move(pieces), std::move(rules)};
}

Tokens Tokenizer::encode(std::string_view prompt) const {
  std::vector<text::Piece> pieces;
  for (const text::Span& span : text::spans(text::code_points(prompt), rules_.special)) {
    if (span.special) {
      pieces.push_back({*span.special, spelled(*span.special, rules_, *pieces_)});
      continue;
    }
    auto cut = pieces_->cut(text::clean(span.text, rules_));
    std::ranges::move(cut, std::back_inserter(pieces));
  }
  const auto around = [&](int64_t id) { return text::Piece{id, spelled(id, rules_, *pieces_)}; };
  if (rules_.begin) {
    pieces.insert(pieces.begin(), around(*rules_.begin));
  }
  if (rules_.end) {
    pieces.push_back(around(*rules_.end));
  }
  Tokens tokens;
  const auto room = rules_.length > 0 ? static_cast<size_t>(rules_.length) : pieces.size();
  if (pieces.size() > room) {
    const bool end_stays = rules_.end && rules_.keep_end;
    tokens.dropped = pieces.size() - room - (rules_.end && !end_stays ? 1 : 0);
    if (end_stays) {
      pieces[room - 1] = pieces.back();
    }
    pieces.resize(room);
  }
  tokens.ids.reserve(pieces.size());
  tokens.pieces.reserve(pieces.size());
  for (text::Piece& piece : pieces) {
    tokens.ids.push_back(piece.id);
    tokens.pieces.push_back(std::move(piece.text));
  }
  return tokens;
}

std::vector<int64_t> Tokenizer::padded(const Tokens& tokens) const {
  std::vector<int64_t> ids = tokens.ids;
  ids.resize(std::max(ids.size(), static_cast<size_t>(rules_.length)), rules_.pad);
  return ids;
}

}  // namespace legrad
