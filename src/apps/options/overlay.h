#pragma once

#include <string>

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say how a map is laid over its picture.
struct OverlayOptions {
  std::string colormap = "jet";
  double alpha = 0.5;
};

void add_overlay_options(CLI::App& command, OverlayOptions& options);

/// Throws `InputError` unless alpha lies in [0, 1].
void check_overlay_options(const OverlayOptions& options);

}  // namespace legrad::apps
