#include "text/unigram.h"

#include <algorithm>
#include <limits>

#include "text/unicode.h"

namespace legrad::text {

Unigram::Unigram(const SentencePieceFile& file) : SentencePiece(file), pieces_(pieces_of_text()) {
  constexpr float kUnknownPenalty = 10;
  float worst = std::numeric_limits<float>::max();
  best_score_ = std::numeric_limits<float>::min();  // just above 0, so it is for scores below, as SentencePiece has it
  for (const auto& entry : file.entries) {
    if (entry.type == Type::kNormal) {
      worst = std::min(worst, entry.score);
      best_score_ = std::max(best_score_, entry.score);
    }
  }
  unknown_score_ = worst - kUnknownPenalty;
}

/// What a user defined counts more than any way to cut it up.
double Unigram::score_of(int64_t id, size_t length) const {
  constexpr double kBehind = 0.1;
  return type(id) == Type::kUserDefined ? static_cast<float>(length) * best_score_ - kBehind : double{score(id)};
}

// Sums are floats, and compared before they are rounded, as in SentencePiece: ties decide otherwise.
std::vector<SentencePiece::Part> Unigram::parts(std::string_view text) const {
  struct Best {
    float score = 0;
    size_t start = std::string_view::npos;  ///< of the last piece
    int64_t id = 0;
  };
  std::vector<Best> best(text.size() + 1);  // by where the last piece ends
  for (size_t start = 0; start < text.size();) {
    const size_t letter = std::min(utf8_length(text[start]), text.size() - start);
    const float so_far = best[start].score;
    const auto offer = [&](size_t length, int64_t id, float score) {
      Best& there = best[start + length];
      if (there.start == std::string_view::npos || score > there.score) {
        there = {score, start, id};
      }
    };
    bool letter_is_known = false;
    pieces_.prefixes(text.substr(start), [&](size_t length, int64_t id) {
      if (type(id) == Type::kUnused) {
        return;
      }
      offer(length, id, static_cast<float>(score_of(id, length)) + so_far);
      letter_is_known = letter_is_known || length == letter;
    });
    if (!letter_is_known) {
      offer(letter, unknown(), unknown_score_ + so_far);
    }
    start += letter;
  }
  std::vector<Part> parts;
  for (size_t end = text.size(); end > 0; end = best[end].start) {
    parts.push_back({text.substr(best[end].start, end - best[end].start), best[end].id});
  }
  std::ranges::reverse(parts);
  return parts;
}

}  // namespace legrad::text
