#include "apps/options/targets.h"

#include <legrad/npy.h>

#include <CLI/CLI.hpp>

namespace legrad::apps {
void add_target_options(CLI::App& command, TargetOptions& options) {
  constexpr const char* kGroup = "What to explain";
  constexpr int kMostTargets = 1'000'000;  // the model's output says more exactly
  CLI::Option* const classes = command
                                   .add_option("--class", options.classes,
                                               "Label or index of an output's entry; may be repeated [top prediction]")
                                   ->option_text("NAME|INDEX")
                                   ->allow_extra_args(false)
                                   ->group(kGroup);
  CLI::Option* const top = command.add_option("--top", options.top, "The K best predictions of each picture")
                               ->option_text("K")
                               ->check(CLI::Range(1, kMostTargets))
                               ->group(kGroup);
  CLI::Option* const embedding =
      command
          .add_option("--text-embedding", options.text_embedding,
                      "Array [d] or [K, d] to compare an embedding model's output with, such as embedded prompts")
          ->option_text("FILE.npy")
          ->group(kGroup);
  command.add_option("--similarity", options.similarity, "How it is compared: cosine or dot")
      ->option_text("NAME")
      ->check(CLI::IsMember({"cosine", "dot"}))
      ->capture_default_str()
      ->needs(embedding)
      ->group(kGroup);
  classes->excludes(top)->excludes(embedding);
  top->excludes(embedding);
}

TargetChoice target_choice(const TargetOptions& options) {
  TargetChoice choice{.classes = options.classes, .top = options.top};
  choice.similarity = options.similarity == "dot" ? Similarity::kDot : Similarity::kCosine;
  if (!options.text_embedding.empty()) choice.embeddings = read_npy(options.text_embedding);
  return choice;
}

}  // namespace legrad::apps
