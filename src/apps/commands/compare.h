#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/options/overlay.h"
#include "apps/options/setup.h"

namespace legrad::apps {

struct CompareOptions {
  SetupOptions setup = {.methods = "paper"};
  std::vector<std::string> images;
  std::string out;
  OverlayOptions overlay;
  int64_t cell = 224;  ///< pixels of a picture's longer side in the figure
  bool per_layer = false;
  bool json = false;
};

/// Adds `legrad compare`.
void add_compare(CLI::App& program);

/// Draws all methods side by side into one file. Everything given is checked before a picture is explained.
void compare_methods(const CompareOptions& options);

}  // namespace legrad::apps
