#include <ATen/ops/isfinite.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/explainer.h>
#include <legrad/npy.h>

#include <algorithm>
#include <utility>

#include "explainer/embeddings.h"

namespace legrad {
namespace {

/// The empty prompt's embedding [1, d], by which maps are corrected; undefined where they are not.
at::Tensor empty_embedding(const CorrectionChoice& choice, const Bundle& bundle, int64_t width) {
  const bool given = choice.empty_embedding.defined();
  if (choice.off || (!given && bundle.kind != "siglip")) return {};
  if (choice.needs_empty_prompt(bundle)) {
    throw InputError(
        "maps of a SigLIP are corrected by the empty prompt's, and the manifest names no 'empty_embedding'; give that "
        "embedding, or turn the correction off",
        Reason::kEmptyPromptNeeded);
  }
  at::Tensor empty = explainer::checked_embeddings(
      "the empty prompt's embedding", given ? choice.empty_embedding : read_npy(bundle.empty_embedding), width);
  if (empty.size(0) != 1) {
    throw InputError(c10::str("the empty prompt must hold one embedding; it holds ", empty.size(0)));
  }
  return empty;
}

void check_finite(const at::Tensor& values, const Structure& structure) {
  if (at::isfinite(values).all().item<bool>()) return;
  const bool half = structure.dtype == at::kHalf || structure.dtype == at::kBFloat16;
  throw InputError(c10::str("the model gives NaN or infinite numbers for these images, so there is nothing to explain",
                            half ? c10::str("; load it in float32, not ", structure.dtype) : ""),
                   Reason::kNotFinite);
}

}  // namespace

Vit load_model(const Bundle& bundle, LoadOptions options) {
  if (!options.input_size) options.input_size = bundle.preprocessing.size;
  if (!options.dtype) options.dtype = bundle.dtype;
  Vit vit = Vit::load(bundle.vision, options);
  bundle.check(vit.structure());
  return vit;
}

Explainer Explainer::load(const std::filesystem::path& folder_or_file, const ExplainerOptions& options,
                          const LoadOptions& load) {
  return Explainer::load(Bundle::open(folder_or_file), options, load);
}

Explainer Explainer::load(const Bundle& bundle, const ExplainerOptions& options, const LoadOptions& load) {
  (void)options.known.parse_list(options.methods);  // again below, but loading takes a while
  return {bundle, load_model(bundle, load), options};
}

Explainer::Explainer(Bundle bundle, Vit vit, const ExplainerOptions& options)
    : bundle_(std::move(bundle)),
      vit_(std::move(vit)),
      methods_(options.known.parse_list(options.methods, vit_)),
      empty_(empty_embedding(options.correction, bundle_, vit_.structure().output_width)),
      threshold_(options.correction.threshold) {
  if (!(threshold_ >= 0 && threshold_ <= 1)) {  // true for NaN
    throw InputError(c10::str("correction threshold ", threshold_, " is outside [0, 1]"));
  }
  bundle_.check(vit_.structure());
  for (const ChosenMethod& chosen : methods_) chosen.method(vit_.shared_structure());  // says what does not fit
}

Explainer Explainer::only(size_t method) const {
  Explainer one = *this;
  one.methods_ = {methods_.at(method)};
  return one;
}

Explanation Explainer::explained(const at::Tensor& images, const Target& target, Similarity similarity) const {
  std::vector<Method> methods;
  for (const ChosenMethod& chosen : methods_) methods.push_back(chosen.method);
  if (!empty_.defined()) return legrad::explain(vit_, images, target, methods);
  return legrad::explain(vit_, images, target, methods, Correction{{empty_, similarity}, threshold_});
}

LegradResult Explainer::by_layer(const at::Tensor& images, const Target& target) const {
  LegradOptions options;
  const auto chosen = std::ranges::find(methods_, legrad_row().name, &ChosenMethod::name);
  if (chosen != methods_.end()) options = legrad_options(chosen->values, vit_.structure());
  options.layers.clear();
  options.layer_weights.clear();
  LegradResult result = legrad_by_layer(vit_, images, target, options);
  check_finite(result.layer_maps, vit_.structure());
  return result;
}

Seen Explainer::explain(const at::Tensor& images, const NamedTargets& targets) const {
  ChosenTargets chosen;
  const auto choose = [&](const at::Tensor& output) { return (chosen = targets.of(output)).target; };
  auto [output, maps] =
      explained(images, targets.by_output() ? Target::chosen_by(choose) : targets.fixed(), targets.similarity());
  if (!targets.by_output()) choose(output);
  const at::Tensor scores = chosen.target.scores(output);
  check_finite(scores, vit_.structure());
  for (const at::Tensor& map : maps) check_finite(map, vit_.structure());
  return {output, chosen.target, std::move(chosen.names), scores, chosen.probabilities, std::move(maps)};
}

}  // namespace legrad
