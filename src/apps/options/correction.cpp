#include "apps/options/correction.h"

#include <legrad/error.h>

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

std::optional<Correction> chosen_correction(const CorrectionOptions& options, const TargetOptions& targets,
                                            const LoadedModel& model) {
  if (!(options.threshold >= 0 && options.threshold <= 1)) {  // true for NaN
    throw InputError("--correction-threshold must lie in [0, 1]");
  }
  const bool siglip = model.bundle.kind == "siglip";
  if (options.off || (options.empty_embedding.empty() && !siglip)) {
    return std::nullopt;
  }
  const bool given = !options.empty_embedding.empty();
  const std::string file = given ? options.empty_embedding : model.bundle.empty_embedding.string();
  if (file.empty()) {
    throw InputError(
        "maps of a SigLIP are corrected by the empty prompt's, and the manifest names no 'empty_embedding'; give "
        "--empty-embedding FILE.npy, or --no-correction");
  }
  const at::Tensor empty = read_embeddings(given ? "--empty-embedding" : "the manifest's 'empty_embedding'", file,
                                           model.vit.structure().output_width);
  if (empty.size(0) != 1) {
    throw InputError("'" + file + "' must hold one embedding, of the empty prompt; it holds " +
                     std::to_string(empty.size(0)));
  }
  return Correction{{empty, similarity(targets)}, options.threshold};
}

}  // namespace legrad::apps
