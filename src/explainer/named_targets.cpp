#include <ATen/Functions.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/named_targets.h>
#include <legrad/npy.h>

#include <utility>

#include "explainer/embeddings.h"

namespace legrad {
namespace {

[[noreturn]] void fail_without_target() {
  throw InputError(
      "the model returns an embedding, which has no best prediction; ask in words, give embeddings to compare it "
      "with, or classes by their index for entries of it",
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

/// The bundle with the labels that classes are chosen among.
Bundle with_labels(const TargetChoice& choice, const Bundle& bundle) {
  Bundle known = bundle;
  if (!choice.labels.empty()) known.labels = choice.labels;
  return known;
}

}  // namespace

void TargetChoice::check(const Bundle& bundle) const {
  if (top < 0) throw InputError(c10::str("the best ", top, " predictions were asked for; give at least 1"));
  if (static_cast<int>(!classes.empty()) + static_cast<int>(top > 0) + static_cast<int>(embeddings.defined()) > 1) {
    throw InputError("targets are classes, best predictions or embeddings; give one kind of them");
  }
  if (against.defined() && !embeddings.defined()) {
    throw InputError("only embeddings are held against others; give embeddings to explain too");
  }
  const Bundle known = with_labels(*this, bundle);
  const bool zero_shot = label_embeddings.defined() || !bundle.label_embeddings.empty();
  for (const std::string& name : classes) known.class_index(name);
  const bool has_best = zero_shot || !bundle.gives_embedding();
  if (classes.empty() && !embeddings.defined() && !has_best) fail_without_target();
  if (!known.labels.empty()) check_top(top, static_cast<int64_t>(known.labels.size()));
}

NamedTargets::NamedTargets(const TargetChoice& choice, const Bundle& bundle, const Structure& structure)
    : bundle_(with_labels(choice, bundle)), top_(choice.top), similarity_(choice.similarity) {
  choice.check(bundle);
  const int64_t width = structure.output_width;
  if (choice.embeddings.defined()) {
    choose_embeddings(choice, width);
    return;
  }
  if (choice.label_embeddings.defined() || !bundle.label_embeddings.empty()) {
    const bool given = choice.label_embeddings.defined();
    prototypes_ = explainer::checked_embeddings(
        "embeddings of labels", given ? choice.label_embeddings : read_npy(bundle.label_embeddings), width);
    if (static_cast<size_t>(prototypes_.size(0)) != bundle_.labels.size()) {
      throw InputError(c10::str(bundle_.labels.size(), " labels, and embeddings of ", prototypes_.size(0),
                                "; expected one for each"));
    }
    prototypes_ = prototypes_.to(at::kCPU, at::kDouble);
  }
  const int64_t count = prototypes_.defined() ? prototypes_.size(0) : width;
  if (!choice.classes.empty()) {
    choose_classes(choice, count);
  } else if (bundle_.labels.empty() && structure.normalized_output) {
    fail_without_target();  // nothing says so, but outputs of length 1 are embeddings
  } else {
    top_ = top_ == 0 ? 1 : top_;
    check_top(top_, count);
  }
}

void NamedTargets::choose_embeddings(const TargetChoice& choice, int64_t width) {
  const at::Tensor vectors = explainer::checked_embeddings("target embeddings", choice.embeddings, width);
  fixed_names_ = choice.names;
  const auto count = static_cast<size_t>(vectors.size(0));
  for (size_t k = 0; choice.names.empty() && k < count; ++k) {
    fixed_names_.push_back("embedding " + std::to_string(k));
  }
  if (fixed_names_.size() != count) {
    throw InputError(c10::str(fixed_names_.size(), " names for ", count, " embeddings; give one for each, or none"));
  }
  if (!choice.against.defined()) {
    fixed_ = Target(vectors, similarity_);
    return;
  }
  const at::Tensor others = explainer::checked_embeddings("embeddings to hold it against", choice.against, width);
  const double scale = bundle_.scale.value_or(explainer::kUsualScale);
  const Target own(vectors, similarity_);
  const Target other(others, similarity_);
  fixed_ = Target([own, other, scale](const at::Tensor& output) {
    const auto logits = at::mul(own.scores(output), scale);
    const auto rest = at::logsumexp(at::mul(other.scores(output), scale), {1}, /*keepdim=*/true);
    return at::sub(logits, at::logaddexp(logits, rest));  // log softmax of each among itself and the others
  });
}

void NamedTargets::choose_classes(const TargetChoice& choice, int64_t count) {
  std::vector<int64_t> indices;
  for (const std::string& name : choice.classes) {
    indices.push_back(checked_class(bundle_.class_index(name), count));
    fixed_names_.push_back(class_name(indices.back()));
  }
  if (prototypes_.defined()) {
    fixed_classes_ = at::tensor(indices, at::kLong);
    fixed_ = Target(prototypes_.index_select(0, fixed_classes_), similarity_);
  } else {
    fixed_ = Target(std::move(indices));
  }
}

std::string NamedTargets::class_name(int64_t index) const {
  return bundle_.labels.empty() ? "class " + std::to_string(index) : bundle_.labels[static_cast<size_t>(index)];
}

at::Tensor NamedTargets::class_scores(const at::Tensor& output) const {
  const auto values = output.to(at::kCPU, at::kDouble);
  return prototypes_.defined() ? Target(prototypes_, similarity_).scores(values) : values;
}

at::Tensor NamedTargets::probabilities(const at::Tensor& output, const at::Tensor& classes) const {
  if (!prototypes_.defined() || !bundle_.scale) return {};
  const auto logits = at::add(at::mul(class_scores(output), *bundle_.scale), bundle_.bias);
  const auto all = bundle_.kind == "siglip" ? at::sigmoid(logits) : at::softmax(logits, 1);
  return all.gather(1, classes);
}

ChosenTargets NamedTargets::of(const at::Tensor& output) const {
  if (by_output()) return best(output);
  ChosenTargets chosen{fixed_, std::vector(static_cast<size_t>(output.size(0)), fixed_names_), {}};
  if (fixed_classes_.defined()) {
    chosen.probabilities = probabilities(output, fixed_classes_.expand({output.size(0), -1}));
  }
  return chosen;
}

ChosenTargets NamedTargets::best(const at::Tensor& output) const {
  const at::Tensor indices = std::get<1>(at::topk(class_scores(output), top_));
  ChosenTargets chosen{Target(indices), {}, probabilities(output, indices)};
  if (prototypes_.defined()) chosen.target = Target(at::index(prototypes_, {indices}), similarity_);
  for (int64_t image = 0; image < indices.size(0); ++image) {
    std::vector<std::string>& names = chosen.names.emplace_back();
    for (int64_t k = 0; k < top_; ++k) names.push_back(class_name(indices[image][k].item<int64_t>()));
  }
  return chosen;
}

}  // namespace legrad
