#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/text/text_manifest.h>
#include <legrad/text/tokens.h>

#include <cstddef>
#include <string>
#include <vector>

namespace legrad {

/// A word of a prompt as its tokenizer reads it: neighbouring tokens that no blank parts, without special tokens. A
/// word of CLIP's is a run of letters, a digit, or a run of other signs.
struct PromptWord {
  std::string text;  ///< UTF-8, as the vocabulary spells it: after cleaning, in lower case as a rule
  size_t first = 0;  ///< its first token
  size_t count = 0;  ///< and how many it is made of
};

/// The words of a prompt. Tokens that `manifest.rules` name (begin, end, special) belong to none.
std::vector<PromptWord> prompt_words(const Tokens& tokens, const TextManifest& manifest);

/// How much each word counts.
struct WordScores {
  std::vector<PromptWord> words;
  std::vector<double> scores;  ///< one a word, 0 to 1: the sum over its tokens, over the largest of all words
  double share = 0;  ///< of all tokens' sum, what is on words, 0 to 1; the rest is on special tokens and padding
};

/// Adds up scores [N] of a prompt's tokens, >= 0 and padding among them, as methods of text towers give them. All are 0
/// where no word has any. Throws `InputError` for fewer scores than tokens, and for scores that are not finite.
WordScores word_scores(std::vector<PromptWord> words, const at::Tensor& tokens);

}  // namespace legrad
