#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/bundle.h>
#include <legrad/explainer.h>
#include <legrad/target.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace legrad::eval {

/// Classes given in words: what a zero-shot classifier is told to choose among.
struct ClassesInWords {
  std::vector<std::string> names;
  at::Tensor embeddings;  ///< [C, d]
};

/// The classes that a model chooses among: the entries of its output, or those that the bundle or a caller has
/// embeddings of.
class Classes {
 public:
  /// Throws `InputError` where the model's output is an embedding and nothing says what to compare it with.
  explicit Classes(const Explainer& explainer, const ClassesInWords& in_words = {});

  int64_t count() const { return count_; }

  /// The class that data mean by `name`: the same label, else the same but for case and "_" instead of blanks, else an
  /// index in digits. None where there is no such class.
  std::optional<int64_t> find(const std::string& name) const;

  /// A label, or the index where the model has no labels.
  std::string name(int64_t index) const;

  /// What to explain, for some of the classes.
  NamedTargets targets(const Explainer& explainer, const std::vector<int64_t>& classes) const;

  /// Scores [B, C] in double on the CPU, of an output [B, D]: a zero-shot classifier's are logits.
  at::Tensor scores(const at::Tensor& output) const;

 private:
  Bundle bundle_;          // its labels those that are chosen among
  at::Tensor embeddings_;  // [C, d]; undefined where classes are the output's entries
  Target all_;             // every class, where they are embeddings
  int64_t count_;
};

}  // namespace legrad::eval
