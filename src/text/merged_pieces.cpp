#include "text/merged_pieces.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "text/unicode.h"

namespace legrad::text {
namespace {

/// A part of the text that grows: a view of it, and its neighbours.
struct Symbol {
  std::string_view text;  ///< empty once it was joined to the one before
  size_t previous;
  size_t next;
  bool fixed;  ///< a user defined piece, never joined
};

struct Candidate {
  float score;
  size_t left;
  size_t right;
  size_t length;

  bool operator<(const Candidate& other) const {
    return score < other.score || (score == other.score && left > other.left);
  }
};

std::string_view both(std::string_view left, std::string_view right) {
  return {left.data(), left.size() + right.size()};  // they are neighbours in one text
}

std::vector<Symbol> letters(std::string_view text, const PieceTrie& user_defined) {
  std::vector<Symbol> symbols;
  while (!text.empty()) {
    size_t defined = 0;
    user_defined.prefixes(text, [&](size_t length, int64_t) { defined = length; });
    const size_t length = defined > 0 ? defined : std::min(utf8_length(text.front()), text.size());
    const size_t place = symbols.size();
    symbols.push_back({text.substr(0, length), place - 1, place + 1, defined > 0});
    text.remove_prefix(length);
  }
  return symbols;
}

}  // namespace

MergedPieces::MergedPieces(const SentencePieceFile& file) : SentencePiece(file) {
  for (auto& [text, id] : pieces_of_text()) {
    pieces_[text] = id;
  }
}

std::vector<SentencePiece::Part> MergedPieces::parts(std::string_view text) const {
  std::vector<Symbol> symbols = letters(text, user_defined());
  std::priority_queue<Candidate> candidates;
  // A piece that is not used may be a step to one that is; what it was made of is what it becomes again.
  std::unordered_map<std::string_view, std::pair<std::string_view, std::string_view>> made_of;
  const auto consider = [&](size_t left, size_t right) {
    if (left >= symbols.size() || right >= symbols.size() || symbols[left].fixed || symbols[right].fixed) {
      return;
    }
    const std::string_view joined = both(symbols[left].text, symbols[right].text);
    const auto piece = pieces_.find(std::string(joined));
    if (piece == pieces_.end()) {
      return;
    }
    candidates.push({score(piece->second), left, right, joined.size()});
    if (type(piece->second) == Type::kUnused) {
      made_of[joined] = {symbols[left].text, symbols[right].text};
    }
  };
  for (size_t i = 1; i < symbols.size(); ++i) {
    consider(i - 1, i);
  }
  while (!candidates.empty()) {
    const Candidate top = candidates.top();
    candidates.pop();
    Symbol& left = symbols[top.left];
    Symbol& right = symbols[top.right];
    if (left.text.empty() || right.text.empty() || left.text.size() + right.text.size() != top.length) {
      continue;  // one of the two was joined with another since
    }
    left.text = both(left.text, right.text);
    right.text = {};
    left.next = right.next;
    if (left.next < symbols.size()) {
      symbols[left.next].previous = top.left;
    }
    consider(left.previous, top.left);
    consider(top.left, left.next);
  }

  std::vector<Part> parts;
  std::vector<std::string_view> waiting;
  for (size_t at = 0; at < symbols.size(); at = symbols[at].next) {
    waiting.push_back(symbols[at].text);
    while (!waiting.empty()) {
      const std::string_view part = waiting.back();
      waiting.pop_back();
      const int64_t id = id_of(part);
      const auto halves = type(id) == Type::kUnused ? made_of.find(part) : made_of.end();
      if (halves == made_of.end()) {
        parts.push_back({part, id});
      } else {
        waiting.push_back(halves->second.second);
        waiting.push_back(halves->second.first);
      }
    }
  }
  return parts;
}

}  // namespace legrad::text
