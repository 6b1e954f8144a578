#pragma once

#include <legrad/correction.h>

#include <optional>
#include <string>

#include "apps/options/model.h"
#include "apps/options/targets.h"

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say whether maps are corrected by the empty prompt's.
struct CorrectionOptions {
  std::string empty_embedding;
  double threshold = 0.8;
  bool off = false;
};

void add_correction_options(CLI::App& command, CorrectionOptions& options);

/// The correction to apply: where the options give the empty prompt, or the manifest says the model is a SigLIP. Throws
/// `InputError` where it is a SigLIP and nothing gives the empty prompt.
std::optional<Correction> chosen_correction(const CorrectionOptions& options, const TargetOptions& targets,
                                            const LoadedModel& model);

}  // namespace legrad::apps
