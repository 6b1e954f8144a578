#pragma once

#include <string>
#include <vector>

#include "apps/options/overlay.h"
#include "apps/options/setup.h"

namespace legrad::apps {

struct ExplainOptions {
  SetupOptions setup = {.methods = "legrad"};
  std::vector<std::string> images;
  std::string input_npy;
  std::string out;
  OverlayOptions overlay;
  bool npy = false;
  bool json = false;
};

/// Adds `legrad explain`.
void add_explain(CLI::App& program);

/// Explains pictures: overlays, and maps if asked for. Everything given is checked before the first file is written.
void explain_pictures(const ExplainOptions& options);

/// Explains an array that is preprocessed already: raw.npy.
void explain_array(const ExplainOptions& options);

}  // namespace legrad::apps
