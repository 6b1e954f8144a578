#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/sentencepiece.h"

namespace legrad::text {

/// SentencePiece's BPE: two neighbours are joined where that makes a piece, the one with the largest score first.
/// (Sennrich et al. 2016, arXiv 1508.07909.)
class MergedPieces : public SentencePiece {
 public:
  explicit MergedPieces(const SentencePieceFile& file);

 protected:
  std::vector<Part> parts(std::string_view text) const override;

 private:
  std::unordered_map<std::string, int64_t> pieces_;
};

}  // namespace legrad::text
