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
  std::vector<std::string> classes = {};        ///< labels or indices, as `Bundle::class_index` reads them
  int64_t top = 0;                              ///< that many best predictions of each image
  at::Tensor embeddings = {};                   ///< [d] or [K, d], floating, to compare an output of width d with
  std::vector<std::string> names = {};          ///< [K] what to call them; empty: "embedding 0", ...
  Similarity similarity = Similarity::kCosine;  ///< how an output is compared with embeddings

  /// Throws `InputError` for what cannot be right, whatever the model turns out to be: before it is loaded, which takes
  /// a while. `Reason::kTargetNeeded` where the output is an embedding, and nothing says what to compare it with.
  void check(const Bundle& bundle) const;
};

/// The targets of a batch, and what to call them.
struct ChosenTargets {
  Target target;
  std::vector<std::vector<std::string>> names;  ///< [B][K]
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
  std::string class_name(int64_t index) const;
  ChosenTargets best(const at::Tensor& output) const;

  std::vector<std::string> labels_;
  int64_t top_ = 0;
  Target fixed_;
  std::vector<std::string> fixed_names_;
  Similarity similarity_;
};

}  // namespace legrad
