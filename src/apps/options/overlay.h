#pragma once

#include <legrad/image.h>

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say how a map is laid over its picture.
struct OverlayOptions {
  std::string colormap = "jet";
  std::string blend = "heat";
  std::optional<double> alpha = {};
};

void add_overlay_options(CLI::App& command, OverlayOptions& options);

/// Throws `InputError` unless alpha, where it is given, lies in [0, 1].
void check_overlay_options(const OverlayOptions& options);

OverlayStyle style(const OverlayOptions& options);

}  // namespace legrad::apps
