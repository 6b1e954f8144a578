#pragma once

#include <legrad/explainer.h>

#include <string>

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

/// The same, files read. Throws `InputError`.
CorrectionChoice correction_choice(const CorrectionOptions& options);

}  // namespace legrad::apps
