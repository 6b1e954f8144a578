#include "apps/options/overlay.h"

#include <legrad/error.h>

#include <CLI/CLI.hpp>

namespace legrad::apps {

void add_overlay_options(CLI::App& command, OverlayOptions& options) {
  constexpr const char* kGroup = "Output";
  command.add_option("--colormap", options.colormap, "jet, viridis or turbo")
      ->option_text("NAME")
      ->check(CLI::IsMember({"jet", "viridis", "turbo"}, CLI::ignore_case))
      ->capture_default_str()
      ->group(kGroup);
  command.add_option("--alpha", options.alpha, "Weight of the colours over the picture, 0 to 1")
      ->option_text("X")
      ->capture_default_str()
      ->group(kGroup);
}

void check_overlay_options(const OverlayOptions& options) {
  if (!(options.alpha >= 0 && options.alpha <= 1)) {  // true for NaN, which a range check lets pass
    throw InputError("--alpha must lie in [0, 1]");
  }
}

}  // namespace legrad::apps
