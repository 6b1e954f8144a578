#include "apps/options/setup.h"

#include <legrad/error.h>

#include "apps/terminal.h"

namespace legrad::apps {

namespace {

bool needs_words(const TargetOptions& options) {
  return options.prompts.given() || !options.against.empty() || !options.labels.empty();
}

void check_similarity(const TargetOptions& options, const Bundle& bundle) {
  const bool compares = needs_words(options) || !options.text_embedding.empty() || !bundle.label_embeddings.empty();
  if (options.similarity == "dot" && !compares) {
    throw InputError(
        "--similarity says how an output is compared with --text-embedding, --prompt or --labels; give one of them");
  }
}

}  // namespace

Setup::Setup(const SetupOptions& options, std::optional<ImageSize> images) {
  const Bundle bundle = open_bundle(options.model);
  TargetChoice targets = target_choice(options.target);
  CorrectionChoice correction = correction_choice(options.correction);
  LoadOptions load = load_options(options.model);
  use_threads(options.model);
  const QuietStderr quiet;
  check_similarity(options.target, bundle);
  const bool needs_empty_prompt = correction.needs_empty_prompt(bundle) && bundle.takes_words;
  if (needs_words(options.target) || needs_empty_prompt) {
    const auto words = TextEncoder::load(bundle, load);
    ask(words, options.target, targets);
    if (options.keep_words) words_ = words;
    if (needs_empty_prompt) correction.empty_embedding = words.empty_prompt();
  }
  targets.check(bundle);
  if (!load.input_size) load.input_size = images;
  explainer_ = Explainer::load(bundle, {.methods = options.methods, .correction = correction}, load);
  targets_ = explainer_->targets(targets);
}

void Setup::ask(const TextEncoder& words, const TargetOptions& options, TargetChoice& targets) {
  text_length_ = words.tower().length();
  const auto& templates = options.prompts.templates;
  if (options.prompts.given()) {
    targets.names = read_prompts(options.prompts);
    prompts_ = words.encode(targets.names, templates);
    targets.embeddings = prompts_.vectors;
  }
  if (!options.against.empty()) targets.against = words.encode(options.against, templates).vectors;
  if (!options.labels.empty()) {
    targets.labels = read_lines(options.labels, "file of labels");
    prompts_ = words.encode(targets.labels, templates.empty() ? words.manifest().templates : templates);
    targets.label_embeddings = prompts_.vectors;
  }
}

Seen Setup::explain(const at::Tensor& images) const {
  const QuietStderr quiet;
  return explainer_->explain(images, *targets_);
}

LegradResult Setup::by_layer(const at::Tensor& images, const Target& target) const {
  const QuietStderr quiet;
  return explainer_->by_layer(images, target);
}

void Setup::tell_notes() const {
  tell_guess(explainer_->vit().structure());
  tell_cut_off(prompts_, text_length_);
}

}  // namespace legrad::apps
