#include "text/byte_bpe.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>

#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace legrad::text {
namespace {

std::vector<std::u32string> strings_of(const SpecialTokens& special) {
  std::vector<std::u32string> strings;
  strings.reserve(special.ids.size());
  for (const auto& [string, id] : special.ids) {
    strings.push_back(from_utf8(string));
  }
  return strings;
}

}  // namespace

// open_clip's expression ignores case and lets a special word be its token; in transformers' the case counts, and what
// looks like a special token by now was none in the prompt, so it is cut like any text.
ByteBpe::ByteBpe(const BpeFile& file, const SpecialTokens& special)
    : cutter_(strings_of(special), special.found_in == SpecialTokens::FoundIn::kCleaned),
      plain_cutter_({}, false),
      found_in_words_(special.found_in == SpecialTokens::FoundIn::kCleaned),
      special_(special.ids.begin(), special.ids.end()) {
  const ByteAlphabet alphabet = byte_alphabet();
  for (size_t byte = 0; byte < letters_.size(); ++byte) {
    letters_[byte] = file.ids.at(alphabet.letters[byte]);
    last_letters_[byte] = file.ids.at(alphabet.letters[byte] + "</w>");
  }
  spelled_.reserve(file.ids.size());
  for (const auto& [piece, id] : file.ids) {
    spelled_[id] = piece;
    size_ = std::max(size_, id + 1);
  }
  int64_t rank = 0;
  for (const BpeFile::Merge& merge : file.merges) {
    merges_[{file.ids.at(merge.left), file.ids.at(merge.right)}] = {rank++, file.ids.at(merge.left + merge.right)};
  }
}

std::string ByteBpe::spelled(int64_t id) const {
  const auto found = spelled_.find(id);
  return found == spelled_.end() ? std::string() : found->second;
}

/// Joins neighbours, the earliest merge first, and of equal ones the leftmost.
std::vector<int64_t> ByteBpe::merged(std::vector<int64_t> ids) const {
  constexpr int64_t kGone = -1;
  const size_t count = ids.size();
  std::vector<size_t> next(count);
  std::vector<size_t> previous(count);
  for (size_t i = 0; i < count; ++i) {
    next[i] = i + 1;
    previous[i] = i == 0 ? count : i - 1;
  }
  using Candidate = std::tuple<int64_t, size_t, int64_t, int64_t, int64_t>;  // rank, place, left, right, made
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto consider = [&](size_t left) {
    if (left == count || next[left] == count) {
      return;
    }
    const auto merge = merges_.find({ids[left], ids[next[left]]});
    if (merge != merges_.end()) {
      candidates.emplace(merge->second.rank, left, ids[left], ids[next[left]], merge->second.made);
    }
  };
  for (size_t i = 0; i < count; ++i) {
    consider(i);
  }
  while (!candidates.empty()) {
    const auto [rank, left, left_id, right_id, made] = candidates.top();
    candidates.pop();
    const size_t right = next[left];
    if (ids[left] != left_id || right == count || ids[right] != right_id) {
      continue;  // one of the two was joined with another since
    }
    ids[left] = made;
    ids[right] = kGone;
    next[left] = next[right];
    if (next[left] != count) {
      previous[next[left]] = left;
    }
    consider(previous[left]);
    consider(left);
  }
  std::erase(ids, kGone);
  return ids;
}

void ByteBpe::cut_word(std::u32string_view word, std::vector<int64_t>& ids) const {
  const std::string bytes = to_utf8(word);
  std::vector<int64_t> letters;
  letters.reserve(bytes.size());
  for (const char byte : bytes) {
    letters.push_back(letters_[static_cast<unsigned char>(byte)]);
  }
  letters.back() = last_letters_[static_cast<unsigned char>(bytes.back())];
  const std::vector<int64_t> joined = merged(std::move(letters));
  ids.insert(ids.end(), joined.begin(), joined.end());
}

std::vector<Piece> ByteBpe::cut(std::u32string_view text) const {
  std::vector<Piece> pieces;
  std::vector<int64_t> ids;
  for (const std::u32string_view word : cutter_.words(text)) {
    const auto special = special_.find(to_utf8(word));
    ids.clear();
    if (!found_in_words_) {
      for (const std::u32string_view part : plain_cutter_.words(word)) {
        cut_word(part, ids);
      }
    } else if (special == special_.end()) {
      cut_word(word, ids);
    } else {
      pieces.push_back({special->second, special->first});
    }
    for (const int64_t id : ids) {
      pieces.push_back({id, spelled(id)});
    }
  }
  return pieces;
}

}  // namespace legrad::text
