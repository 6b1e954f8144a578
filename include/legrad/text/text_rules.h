#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace legrad {

/// A step of what is done to a prompt before it is cut into tokens. Models were trained with one sequence of them or
/// another, and read other tokens after any other.
enum class CleanStep {
  kNfc,  ///< Unicode's normalisation form C, by the tables of Unicode 9 that Hugging Face's tokenizers carry
  /// What `ftfy.fix_text` 6.3 does to text that was decoded rightly (HTML entities, ligatures, wide letters, curly
  /// quotes, line ends, control characters, NFC), HTML's unescaping twice, and no blanks at the ends. Text that was
  /// decoded wrongly ("sÃ³") is not repaired.
  kFtfyLite,
  kWhitespace,    ///< runs of what Python's `str.split` takes for blanks become one space, none at the ends
  kPunctuation,   ///< ASCII punctuation is deleted
  kCanonicalize,  ///< big_vision's: '_' becomes a space, then kPunctuation, then kWhitespace
  kLower,         ///< lower case, as `TextRules::lower` says
};

/// How capital letters become small ones.
enum class LowerCase {
  kNone,
  kPython,       ///< Unicode's rules for words: a sigma at a word's end is ς
  kHuggingFace,  ///< each letter by itself: a sigma is always σ
};

/// Strings that stand for a token when they are written in a prompt.
struct SpecialTokens {
  enum class FoundIn {
    kRaw,      ///< looked for in the prompt as it is, as Hugging Face's tokenizers do
    kCleaned,  ///< looked for after cleaning, as OpenAI's and open_clip's do
  };
  FoundIn found_in = FoundIn::kCleaned;
  std::map<std::string, int64_t> ids;
};

/// From a prompt to the row of ids that a text tower takes, but for the vocabulary. The defaults change nothing.
struct TextRules {
  std::vector<CleanStep> clean;        ///< in this order
  LowerCase lower = LowerCase::kNone;  ///< done where `clean` says kLower, else after all of its steps
  int64_t length = 0;                  ///< tokens in a row; 0: any number, and no padding
  int64_t pad = 0;                     ///< the id that fills a row up
  std::optional<int64_t> begin;        ///< the id before the prompt's
  std::optional<int64_t> end;          ///< the id after them
  bool keep_end = true;                ///< a prompt that is cut off still has the end token
  SpecialTokens special;
};

/// `prompt`, UTF-8, after the cleaning that `rules` say. Throws `InputError` for text that is no UTF-8, holds a NUL, or
/// is longer than 64 KiB.
std::string clean_text(std::string_view prompt, const TextRules& rules);

}  // namespace legrad
