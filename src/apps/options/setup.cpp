#include "apps/options/setup.h"

#include "apps/terminal.h"

namespace legrad::apps {

Setup::Setup(const SetupOptions& options, std::optional<ImageSize> images) {
  const Bundle bundle = open_bundle(options.model);
  const TargetChoice targets = target_choice(options.target);
  targets.check(bundle);
  LoadOptions load = load_options(options.model);
  if (!load.input_size) load.input_size = images;
  use_threads(options.model);
  const QuietStderr quiet;
  explainer_ =
      Explainer::load(bundle, {.methods = options.methods, .correction = correction_choice(options.correction)}, load);
  targets_ = explainer_->targets(targets);
}

Seen Setup::explain(const at::Tensor& images) const {
  const QuietStderr quiet;
  return explainer_->explain(images, *targets_);
}

LegradResult Setup::by_layer(const at::Tensor& images, const Target& target) const {
  const QuietStderr quiet;
  return explainer_->by_layer(images, target);
}

}  // namespace legrad::apps
