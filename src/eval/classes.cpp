#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>
#include <legrad/eval/classes.h>
#include <legrad/npy.h>

#include <algorithm>

#include "explainer/embeddings.h"
#include "io/nearest_names.h"
#include "io/words.h"

namespace legrad::eval {
namespace {

std::string plain(std::string name) {
  name = io::lower_case(std::move(name));
  std::ranges::replace(name, '_', ' ');
  return name;
}

}  // namespace

Classes::Classes(const Explainer& explainer, const ClassesInWords& in_words)
    : bundle_(explainer.bundle()), count_(explainer.vit().structure().output_width) {
  if (!in_words.names.empty()) {
    bundle_.labels = in_words.names;
    embeddings_ = in_words.embeddings;
  } else if (!bundle_.label_embeddings.empty()) {
    embeddings_ = read_npy(bundle_.label_embeddings);
  } else if (bundle_.gives_embedding() || explainer.vit().structure().normalized_output) {
    throw InputError("the model returns an embedding, which has no classes; give classes in words",
                     Reason::kTargetNeeded);
  }
  if (!embeddings_.defined()) return;
  // Checks that they fit the model and the labels.
  const NamedTargets fit({.top = 1, .labels = bundle_.labels, .label_embeddings = embeddings_}, bundle_,
                         explainer.vit().structure());
  embeddings_ = embeddings_.to(at::kCPU, at::kDouble);
  all_ = Target(embeddings_);
  count_ = embeddings_.size(0);
}

std::optional<int64_t> Classes::find(const std::string& name) const {
  const auto& labels = bundle_.labels;
  auto found = std::ranges::find(labels, name);
  if (found == labels.end()) found = std::ranges::find(labels, plain(name), plain);
  if (found != labels.end()) return found - labels.begin();
  const auto index = io::number<int64_t>(name);
  return index && *index >= 0 && *index < count_ ? index : std::nullopt;
}

std::string Classes::name(int64_t index) const {
  return bundle_.labels.empty() ? "class " + std::to_string(index) : bundle_.labels[static_cast<size_t>(index)];
}

NamedTargets Classes::targets(const Explainer& explainer, const std::vector<int64_t>& classes) const {
  TargetChoice choice;
  for (const int64_t index : classes) choice.classes.push_back(std::to_string(index));
  if (embeddings_.defined()) {
    choice.labels = bundle_.labels;
    choice.label_embeddings = embeddings_;
  }
  return explainer.targets(choice);
}

at::Tensor Classes::scores(const at::Tensor& output) const {
  at::Tensor values = output.to(at::kCPU, at::kDouble);
  if (!embeddings_.defined()) return values;
  return all_.scores(values) * bundle_.scale.value_or(explainer::kUsualScale) + bundle_.bias;
}

}  // namespace legrad::eval
