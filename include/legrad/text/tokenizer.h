#pragma once

#include <legrad/text/text_rules.h>
#include <legrad/text/tokens.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

namespace legrad {

namespace text {
class PieceModel;
}

/// Cuts prompts into the tokens of a vocabulary. Files may come from anywhere: they are read with bounds, and what is
/// damaged, of another kind or larger than vocabularies are is refused with a `ModelError`. Constant once made, so it
/// may be used from many threads.
class Tokenizer {
 public:
  /// CLIP's byte-level BPE, told by the file's beginning: OpenAI's list of merges ("bpe_simple_vocab_16e6.txt.gz", or
  /// unpacked), or Hugging Face's "tokenizer.json".
  static Tokenizer clip_bpe(const std::filesystem::path& file, TextRules rules);
  /// The same from "vocab.json" and "merges.txt".
  static Tokenizer clip_bpe(const std::filesystem::path& vocabulary, const std::filesystem::path& merges,
                            TextRules rules);
  /// SentencePiece's ".model" file: Unigram or BPE, with its normaliser, with or without byte fallback. Special tokens
  /// are found in the raw prompt only; what stands between two is a text of its own.
  static Tokenizer sentencepiece(const std::filesystem::path& file, TextRules rules);

  /// Cleans `prompt` (UTF-8), cuts it into tokens, and puts the begin and end tokens around them. What does not fit
  /// into `rules().length` is cut off and counted. Throws `InputError` as `clean_text` does.
  Tokens encode(std::string_view prompt) const;

  /// The ids of `tokens`, filled up to `rules().length`.
  std::vector<int64_t> padded(const Tokens& tokens) const;

  const TextRules& rules() const { return rules_; }

  /// One more than the largest id there is: a text tower's table of embeddings needs as many rows.
  int64_t size() const { return size_; }

 private:
  Tokenizer(std::shared_ptr<const text::PieceModel> pieces, TextRules rules);

  std::shared_ptr<const text::PieceModel> pieces_;
  TextRules rules_;
  int64_t size_ = 0;
};

}  // namespace legrad
