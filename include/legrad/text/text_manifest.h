#pragma once

#include <legrad/text/text_rules.h>
#include <legrad/text/tokenizer.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace legrad {

/// The object `text` of a model's manifest.json: how its prompts become tokens, and where its text tower is. Its fields
/// are told in docs/bundle.md.
struct TextManifest {
  enum class Kind {
    kClipBpe,        ///< "clip_bpe"
    kSentencePiece,  ///< "sentencepiece"
  };
  /// A prompt and its ids by the tokenizer that the model was trained with, without padding.
  struct Check {
    std::string prompt;
    std::vector<int64_t> ids;
    std::vector<double> embedding;  ///< [d], of length 1, that its home's text tower gave; may be empty
  };

  std::filesystem::path tower;  ///< the export of the text tower; empty where the manifest names none
  Kind kind = Kind::kClipBpe;
  std::filesystem::path vocabulary;
  std::filesystem::path merges;  ///< beside a vocab.json; else empty
  TextRules rules;
  std::vector<Check> checks;
  std::vector<std::string> templates;  ///< that class names are put in, each with one "{}"; may be empty
  std::string empty_prompt;            ///< what a SigLIP is asked for nothing with, as in "a photo of"

  /// Reads the manifest.json of a folder. Throws `ModelError` for one that is malformed, has no object `text`, or names
  /// a file outside its folder.
  static TextManifest read(const std::filesystem::path& folder);

  /// Reads the tokenizer and has it make the tokens of all checks. Throws `ModelError` where it makes others.
  Tokenizer tokenizer() const;
};

}  // namespace legrad
