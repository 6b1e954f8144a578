#include "io/nearest_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace legrad::io {
namespace {

/// Letters to insert, drop or replace to turn one word into the other (Levenshtein).
size_t edit_distance(const std::string& from, const std::string& to) {
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string lower_case(std::string text) {
  for (char& letter : text) {
    letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  }
  return text;
}

std::vector<std::string> nearest_names(const std::string& wanted, const std::vector<std::string>& names, size_t most) {
  constexpr size_t kCompared = 64;  // letters; keeps an endless argument cheap
  const std::string word = lower_case(wanted.substr(0, kCompared));

  std::vector<std::pair<size_t, size_t>> ranked;  // distance, index
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string name = lower_case(names[i].substr(0, kCompared));
    const bool contained = !word.empty() && name.find(word) != std::string::npos;
    ranked.emplace_back(contained ? 0 : edit_distance(word, name), i);
  }
  const size_t shown = std::min(most, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(shown), ranked.end());

  std::vector<std::string> nearest;
  for (size_t i = 0; i < shown; ++i) {
    nearest.push_back(names[ranked[i].second]);
  }
  return nearest;
}

}  // namespace legrad::io
