#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace legrad::text {

/// Cuts text into words as CLIP's regular expression does: an English contraction ("'s", "'ve"), a run of letters, one
/// digit or other number, or a run of whatever is neither of these nor white space.
class WordCutter {
 public:
  /// `specials` are words of their own wherever they stand at a word's beginning. With `ignore_case` they and the
  /// contractions are known in capitals too.
  WordCutter(std::vector<std::u32string> specials, bool ignore_case);

  std::vector<std::u32string_view> words(std::u32string_view text) const;

 private:
  size_t word_length(std::u32string_view text) const;
  bool begins_with(std::u32string_view text, std::u32string_view word) const;

  std::vector<std::u32string> fixed_;  ///< specials, then contractions: the first that fits is taken
  bool ignore_case_;
};

}  // namespace legrad::text
