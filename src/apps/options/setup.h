#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/explainer.h>
#include <legrad/text/text_encoder.h>

#include <optional>
#include <string>

#include "apps/options/correction.h"
#include "apps/options/model.h"
#include "apps/options/prompts.h"
#include "apps/options/targets.h"

namespace legrad::apps {

/// Options that say which model, what to explain of it, by which methods.
struct SetupOptions {
  ModelOptions model;
  TargetOptions target;
  std::string methods;
  CorrectionOptions correction;
  bool keep_words = false;  ///< the text tower stays loaded, to explain the words of prompts
};

/// An explainer, and what it is asked for.
class Setup {
 public:
  /// Everything that can be checked is checked before the model is loaded, for images of `--size`, else of `images`,
  /// else of the size that the manifest, else the file says.
  explicit Setup(const SetupOptions& options, std::optional<ImageSize> images = {});

  const Explainer& explainer() const { return *explainer_; }

  /// The text tower, where it was to be kept and prompts were given; else nullptr.
  const TextEncoder* words() const { return words_ ? &*words_ : nullptr; }

  /// Explains preprocessed images [B, 3, H, W].
  Seen explain(const at::Tensor& images) const;
  /// LeGrad block by block.
  LegradResult by_layer(const at::Tensor& images, const Target& target) const;

  /// Says on stderr what a user should know of the model and the prompts. To be called when a command has done its
  /// work, so that an error is one line alone.
  void tell_notes() const;

 private:
  void ask(const TextEncoder& words, const TargetOptions& options, TargetChoice& targets);

  std::optional<Explainer> explainer_;
  std::optional<NamedTargets> targets_;
  std::optional<TextEncoder> words_;
  EmbeddedPrompts prompts_;
  int64_t text_length_ = 0;
};

}  // namespace legrad::apps
