#include <ATen/ops/topk.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/named_targets.h>

#include <utility>

#include "explainer/embeddings.h"

namespace legrad {
namespace {

[[noreturn]] void fail_without_target() {
  throw InputError(
      "the model returns an embedding, which has no best prediction; give embeddings to compare it with, or classes by "
      "their index for entries of it",
      Reason::kTargetNeeded);
}

void check_top(int64_t top, int64_t count) {
  if (top > count) {
    throw InputError(
        c10::str("the best ", top, " predictions were asked for; the model's output has ", count, " entries"));
  }
}

/// Negative indices count from the end.
int64_t checked_class(int64_t index, int64_t count) {
  if (index < -count || index >= count) {
    throw InputError(c10::str("class ", index, " is out of range; the model's output has entries 0 to ", count - 1));
  }
  return index < 0 ? index + count : index;
}

}  // namespace

void TargetChoice::check(const Bundle& bundle) const {
  if (top < 0) throw InputError(c10::str("the best ", top, " predictions were asked for; give at least 1"));
  if (static_cast<int>(!classes.empty()) + static_cast<int>(top > 0) + static_cast<int>(embeddings.defined()) > 1) {
    throw InputError("targets are classes, best predictions or embeddings; give one kind of them");
  }
  for (const std::string& name : classes) bundle.class_index(name);
  if (classes.empty() && !embeddings.defined() && bundle.gives_embedding()) fail_without_target();
  if (!bundle.labels.empty()) check_top(top, static_cast<int64_t>(bundle.labels.size()));
}

NamedTargets::NamedTargets(const TargetChoice& choice, const Bundle& bundle, const Structure& structure)
    : labels_(bundle.labels), top_(choice.top), similarity_(choice.similarity) {
  choice.check(bundle);
  const int64_t width = structure.output_width;
  if (choice.embeddings.defined()) {
    const at::Tensor vectors = explainer::checked_embeddings("target embeddings", choice.embeddings, width);
    fixed_ = Target(vectors, similarity_);
    fixed_names_ = choice.names;
    const auto count = static_cast<size_t>(vectors.size(0));
    for (size_t k = 0; choice.names.empty() && k < count; ++k) {
      fixed_names_.push_back("embedding " + std::to_string(k));
    }
    if (fixed_names_.size() != count) {
      throw InputError(c10::str(fixed_names_.size(), " names for ", count, " embeddings; give one for each, or none"));
    }
  } else if (!choice.classes.empty()) {
    std::vector<int64_t> indices;
    for (const std::string& name : choice.classes) {
      indices.push_back(checked_class(bundle.class_index(name), width));
      fixed_names_.push_back(class_name(indices.back()));
    }
    fixed_ = Target(std::move(indices));
  } else if (labels_.empty() && structure.normalized_output) {
    fail_without_target();  // nothing says so, but outputs of length 1 are embeddings
  } else {
    top_ = top_ == 0 ? 1 : top_;
    check_top(top_, width);
  }
}

std::string NamedTargets::class_name(int64_t index) const {
  return labels_.empty() ? "class " + std::to_string(index) : labels_[static_cast<size_t>(index)];
}

ChosenTargets NamedTargets::of(const at::Tensor& output) const {
  return by_output() ? best(output)
                     : ChosenTargets{fixed_, std::vector(static_cast<size_t>(output.size(0)), fixed_names_)};
}

ChosenTargets NamedTargets::best(const at::Tensor& output) const {
  const at::Tensor indices = std::get<1>(at::topk(output.to(at::kCPU, at::kDouble), top_));
  ChosenTargets chosen{Target(indices), {}};
  for (int64_t image = 0; image < indices.size(0); ++image) {
    std::vector<std::string>& names = chosen.names.emplace_back();
    for (int64_t k = 0; k < top_; ++k) names.push_back(class_name(indices[image][k].item<int64_t>()));
  }
  return chosen;
}

}  // namespace legrad
