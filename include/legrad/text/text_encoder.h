#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/bundle.h>
#include <legrad/text/text_manifest.h>
#include <legrad/text/tokenizer.h>
#include <legrad/text_tower.h>

#include <string>
#include <vector>

namespace legrad {

/// Prompts as a model compares images with them.
struct EmbeddedPrompts {
  at::Tensor vectors;       ///< [K, d], of length 1, on the CPU
  size_t cut_off = 0;       ///< prompts of which not all tokens were read
  size_t most_dropped = 0;  ///< tokens at the end of one prompt that were not
};

/// What a CLIP or SigLIP makes of words: its tokenizer and its text tower, as its manifest's object `text` names them.
/// Immutable; copies are cheap, and one may be used from many threads.
///
///     const auto words = legrad::TextEncoder::load(legrad::Bundle::open("models/my-clip"));
///     const auto embedded = words.encode({"a cat", "a red car"});
///     explainer.explain(images, {.embeddings = embedded.vectors, .names = {"a cat", "a red car"}});
class TextEncoder {
 public:
  /// Reads the tokenizer, sees that it makes the tokens that the manifest says, and loads the text tower, for which
  /// `options.output` and its place mean nothing, in `options.dtype`, else the manifest's, else the file's own. A
  /// manifest that names no text tower means that the vision file holds both. Throws `ModelError` for a bundle that
  /// takes no words, and for a tokenizer and a tower that do not belong together.
  static TextEncoder load(const Bundle& bundle, const LoadOptions& options = {});

  /// Embeds prompts, UTF-8. With templates, as in "a photo of a {}", each prompt's vector is the mean of its vectors in
  /// all templates, each of length 1, brought to length 1 (CLIP's ensemble, arXiv 2103.00020, 3.1.4). Throws
  /// `InputError` for no prompt, one that is no text, and a template without "{}".
  EmbeddedPrompts encode(const std::vector<std::string>& prompts, const std::vector<std::string>& templates = {}) const;

  /// Embeds the manifest's check prompts that come with an embedding. Throws `InputError` where none does, and
  /// `ModelError` (`Reason::kNotReproduced`) where one is off by more than is allowed.
  Verified verify() const;

  /// The vector [1, d] of the manifest's `empty_prompt`, that a SigLIP's maps are corrected by (`CorrectionChoice`).
  /// Throws `InputError` with `Reason::kEmptyPromptNeeded` where it names none.
  at::Tensor empty_prompt() const;

  const TextManifest& manifest() const { return manifest_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  const TextTower& tower() const { return tower_; }

 private:
  TextEncoder(TextManifest manifest, Tokenizer tokenizer, TextTower tower);

  TextManifest manifest_;
  Tokenizer tokenizer_;
  TextTower tower_;
};

}  // namespace legrad
