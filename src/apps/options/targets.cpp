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
  const auto prompts = add_prompt_options(command, options.prompts, kGroup);
  command
      .add_option("--against", options.against,
                  "Words that prompts are held against: what makes it one of them rather than these; may be repeated")
      ->option_text("TEXT")
      ->allow_extra_args(false)
      ->group(kGroup);
  CLI::Option* const labels =
      command
          .add_option(
              "--labels", options.labels,
              "A text file with a class a line, put into the templates [the manifest's]: what --class and --top "
              "choose among")
          ->option_text("FILE")
          ->group(kGroup);
  labels->excludes(embedding);
  command
      .add_option("--similarity", options.similarity,
                  "How the output is compared with prompts and embeddings: cosine or dot")
      ->option_text("NAME")
      ->check(CLI::IsMember({"cosine", "dot"}))
      ->capture_default_str()
      ->group(kGroup);
  classes->excludes(top)->excludes(embedding);
  top->excludes(embedding);
  for (CLI::Option* const prompt : prompts)
    prompt->excludes(classes)->excludes(top)->excludes(embedding)->excludes(labels);
}

TargetChoice target_choice(const TargetOptions& options) {
  TargetChoice choice{.classes = options.classes, .top = options.top};
  choice.similarity = options.similarity == "dot" ? Similarity::kDot : Similarity::kCosine;
  if (!options.text_embedding.empty()) choice.embeddings = read_npy(options.text_embedding);
  return choice;
}

}  // namespace legrad::apps
