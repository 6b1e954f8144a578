#pragma once

#include <string_view>
#include <vector>

#include "text/sentencepiece.h"

namespace legrad::text {

/// The likeliest pieces by a unigram model: of all ways to cut a text, the one whose pieces have the largest sum of
/// scores. (Kudo 2018, arXiv 1804.10959.)
class Unigram : public SentencePiece {
 public:
  explicit Unigram(const SentencePieceFile& file);

 protected:
  std::vector<Part> parts(std::string_view text) const override;

 private:
  double score_of(int64_t id, size_t length) const;

  PieceTrie pieces_;
  float unknown_score_;
  float best_score_;
};

}  // namespace legrad::text
