#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/bundle.h>
#include <legrad/structure.h>
#include <legrad/target.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say what to explain.
struct TargetOptions {
  std::vector<std::string> classes;
  int64_t top = 0;  ///< 0: not given
  std::string text_embedding;
  std::string similarity = "cosine";
};

void add_target_options(CLI::App& command, TargetOptions& options);

/// How outputs are compared with embeddings.
Similarity similarity(const TargetOptions& options);

/// The embeddings [K, d] in a file that `option` names, for a model whose output is `width` wide. Throws `InputError`.
at::Tensor read_embeddings(const std::string& option, const std::string& file, int64_t width);

/// Checks what can be checked of targets before the model is loaded, which takes a while: labels, files, and that an
/// embedding model has any. Throws `InputError`.
void check_targets(const TargetOptions& options, const Bundle& bundle);

/// The targets of a batch, and what to call them.
struct ChosenTargets {
  Target target;
  std::vector<std::vector<std::string>> names;  ///< [B][K]
};

/// Finds the targets that the options mean in a model.
class TargetChooser {
 public:
  /// Throws `InputError` for whatever can be wrong with them: an unknown class, a K or an embedding that does not fit
  /// the output, an embedding model without a target.
  TargetChooser(const TargetOptions& options, const Bundle& bundle, const Structure& structure);

  /// The targets for a batch whose output is `output` [B, C].
  ChosenTargets choose(const at::Tensor& output) const;

 private:
  std::string class_name(int64_t index) const;
  ChosenTargets top(const at::Tensor& output) const;

  std::vector<std::string> labels_;
  int64_t top_ = 0;
  Target fixed_;  ///< empty: the top predictions
  std::vector<std::string> fixed_names_;
};

}  // namespace legrad::apps
