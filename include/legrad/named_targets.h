#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/bundle.h>
#include <legrad/structure.h>
#include <legrad/target.h>

#include <cstdint>
#include <string>
#include <vector>

namespace legrad {

/// What to explain, in a user's words: at most one of `classes`, `top` and `embeddings`; none of them: the best
/// prediction.
struct TargetChoice {
  std::vector<std::string> classes = {};  ///< labels or indices, as `Bundle::class_index` reads them
  int64_t top = 0;                        ///< that many best predictions of each image
  at::Tensor embeddings = {};             ///< [d] or [K, d], floating, to compare an output of width d with
  std::vector<std::string> names = {};    ///< [K] what to call them; empty: "embedding 0", ...
  /// [M, d] what the embeddings are held against: each one's score is then its log-probability among itself and these.
  at::Tensor against = {};
  /// Names and embeddings [C, d] of a zero-shot classifier's classes, that `classes` and `top` choose among; empty: the
  /// bundle's.
  std::vector<std::string> labels = {};
  at::Tensor label_embeddings = {};
  Similarity similarity = Similarity::kCosine;  ///< how an output is compared with embeddings

  /// Throws `InputError` for what cannot be right, whatever the model turns out to be: before it is loaded, which takes
  /// a while. `Reason::kTargetNeeded` where the output is an embedding, and nothing says what to compare it with.
  void check(const Bundle& bundle) const;
};

/// The targets of a batch, and what to call them.
struct ChosenTargets {
  Target target;
  std::vector<std::vector<std::string>> names;  ///< [B][K]
  /// [B, K] of a zero-shot classifier whose bundle says its `scale`: by softmax over all classes, or by sigmoid for a
  /// SigLIP. Undefined for any other.
  at::Tensor probabilities = {};
};

/// A `TargetChoice` that was found to fit a model. A value, for any number of batches.
class NamedTargets {
 public:
  /// Throws `InputError` as `TargetChoice::check` does, and for a class, a number of predictions or an embedding that
  /// does not fit the model's output.
  NamedTargets(const TargetChoice& choice, const Bundle& bundle, const Structure& structure);

  /// Whether they depend on the output, as best predictions do.
  bool by_output() const { return fixed_.empty(); }

  /// The targets whatever the output is; empty where it matters.
  const Target& fixed() const { return fixed_; }

  /// Those of a batch whose output is [B, C].
  ChosenTargets of(const at::Tensor& output) const;

  Similarity similarity() const { return similarity_; }

 private:
  void choose_embeddings(const TargetChoice& choice, int64_t width);
  void choose_classes(const TargetChoice& choice, int64_t width);
  std::string class_name(int64_t index) const;
  at::Tensor class_scores(const at::Tensor& output) const;
  at::Tensor probabilities(const at::Tensor& output, const at::Tensor& classes) const;
  ChosenTargets best(const at::Tensor& output) const;

  Bundle bundle_;             // its labels those that classes are chosen among
  at::Tensor prototypes_;     // [C, d] embeddings of the labels; undefined where classes are the output's entries
  at::Tensor fixed_classes_;  // [K] indices of classes among the labels, where they have embeddings
  int64_t top_ = 0;
  Target fixed_;
  std::vector<std::string> fixed_names_;
  Similarity similarity_;
};

}  // namespace legrad
