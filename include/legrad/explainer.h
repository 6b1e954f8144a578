#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/bundle.h>
#include <legrad/correction.h>
#include <legrad/methods.h>
#include <legrad/named_targets.h>
#include <legrad/target.h>
#include <legrad/vit.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace legrad {

/// Whether maps are corrected by the empty prompt's (`Correction`). By default those of a SigLIP are, by the embedding
/// that its manifest names.
struct CorrectionChoice {
  bool off = false;                 ///< leave a SigLIP's maps as they are
  at::Tensor empty_embedding = {};  ///< [d] or [1, d]: correct any model's maps by this one
  double threshold = 0.8;           ///< in [0, 1]

  /// Whether maps of this model are to be corrected, and nothing gives the empty prompt's embedding.
  bool needs_empty_prompt(const Bundle& bundle) const {
    return !off && !empty_embedding.defined() && bundle.kind == "siglip" && bundle.empty_embedding.empty();
  }
};

struct ExplainerOptions {
  std::string methods = "legrad";      ///< one or several, as `Methods::parse_list` reads them
  Methods known = built_in_methods();  ///< what `methods` chooses from
  CorrectionChoice correction = {};
};

/// What a model saw in a batch of images.
struct Seen {
  at::Tensor output;                            ///< [B, C]
  Target target;                                ///< what was explained
  std::vector<std::vector<std::string>> names;  ///< [B][K] of the targets: labels, "class 7", "embedding 0"
  at::Tensor scores;                            ///< [B, K] of the targets
  at::Tensor probabilities;                     ///< [B, K] of a zero-shot classifier's classes; else undefined
  std::vector<at::Tensor> maps;                 ///< of each method: raw, corrected, finite [B, K, rows, columns]
};

/// Loads a bundle's model, for images of `options.input_size`, else of the size that the manifest says, else of the
/// file's own; likewise in `options.dtype`. Throws as `Vit::load`, and `ModelError` where the manifest does not fit the
/// model.
Vit load_model(const Bundle& bundle, LoadOptions options = {});

/// A model with its names and the methods that explain it: images in; maps, scores and names out. Immutable: copies are
/// cheap, and one may be used from many threads. Pictures as input, and maps over pictures, are in <legrad/image.h>.
///
///     const auto explainer = legrad::Explainer::load("models/emoji-vit", {.methods = "legrad,rollout"});
///     const auto seen = explainer.explain(images);  // of their best predictions
///     seen.names[0][0], seen.scores[0][0], seen.maps[0][0][0]
class Explainer {
 public:
  /// Opens a folder with a manifest, or a bare export, and loads the model. Throws `InputError` for methods that are
  /// not known, or have no meaning for the model; for a correction that does not fit; `ModelError` as `load_model`.
  static Explainer load(const std::filesystem::path& folder_or_file, const ExplainerOptions& options = {},
                        const LoadOptions& load = {});
  static Explainer load(const Bundle& bundle, const ExplainerOptions& options = {}, const LoadOptions& load = {});

  /// Of a model that is loaded. Throws as `load`; `Reason::kEmptyPromptNeeded` where the model is a SigLIP whose maps
  /// are to be corrected, and nothing gives the empty prompt's embedding.
  Explainer(Bundle bundle, Vit vit, const ExplainerOptions& options = {});

  /// Finds what to explain in this model, once for any number of batches. Throws `InputError`.
  NamedTargets targets(const TargetChoice& choice) const { return {choice, bundle_, vit_.structure()}; }

  /// Explains preprocessed images [B, 3, H, W] by all methods, from one forward sweep and at most one backward sweep;
  /// one plain forward more only where the best predictions are asked for, and a method must know them before its
  /// sweep, as LeGrad. Throws `InputError` for images that do not fit, and with `Reason::kNotFinite` where scores or
  /// maps are not finite.
  Seen explain(const at::Tensor& images, const NamedTargets& targets) const;
  Seen explain(const at::Tensor& images, const TargetChoice& choice = {}) const {
    return explain(images, targets(choice));
  }

  /// What LeGrad sees in every block, by the options of the first LeGrad among the methods (but for its choice of
  /// layers), else by its defaults. Not corrected. Throws as `explain`.
  LegradResult by_layer(const at::Tensor& images, const Target& target) const;

  /// The same with one of its methods alone, by its place among them.
  Explainer only(size_t method) const;

  const Bundle& bundle() const { return bundle_; }
  const Vit& vit() const { return vit_; }
  const std::vector<ChosenMethod>& methods() const { return methods_; }

 private:
  Explanation explained(const at::Tensor& images, const Target& target, Similarity similarity) const;

  Bundle bundle_;
  Vit vit_;
  std::vector<ChosenMethod> methods_;
  at::Tensor empty_;  // [1, d], the empty prompt's embedding; undefined: maps are not corrected
  double threshold_;
};

}  // namespace legrad
