#include "apps/options/correction.h"

#include <legrad/npy.h>

#include <CLI/CLI.hpp>

namespace legrad::apps {

void add_correction_options(CLI::App& command, CorrectionOptions& options) {
  constexpr const char* kGroup = "Correction";
  CLI::Option* const empty =
      command
          .add_option(
              "--empty-embedding", options.empty_embedding,
              "Array [d] or [1, d], the embedded empty prompt \"a photo of\": what is salient for it is dropped "
              "from all maps [for a SigLIP, the manifest's]")
          ->option_text("FILE.npy")
          ->group(kGroup);
  command
      .add_option("--correction-threshold", options.threshold,
                  "How salient for the empty prompt, 0 to 1, is too salient")
      ->option_text("X")
      ->capture_default_str()
      ->group(kGroup);
  command.add_flag("--no-correction", options.off, "Leave the maps of a SigLIP as they are")
      ->excludes(empty)
      ->group(kGroup);
}

CorrectionChoice correction_choice(const CorrectionOptions& options) {
  CorrectionChoice choice{.off = options.off, .empty_embedding = {}, .threshold = options.threshold};
  if (!options.empty_embedding.empty()) choice.empty_embedding = read_npy(options.empty_embedding);
  return choice;
}

}  // namespace legrad::apps
