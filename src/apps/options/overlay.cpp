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
  command
      .add_option("--blend", options.blend,
                  "How colours are laid over the picture: heat (the hotter, the more colour) or constant, as papers do")
      ->option_text("NAME")
      ->check(CLI::IsMember({"heat", "constant"}, CLI::ignore_case))
      ->capture_default_str()
      ->group(kGroup);
  command.add_option("--alpha", options.alpha, "The most weight of the colours, 0 to 1 [0.8; constant: 0.5]")
      ->option_text("X")
      ->group(kGroup);
}

void check_overlay_options(const OverlayOptions& options) {
  if (options.alpha && !(*options.alpha >= 0 && *options.alpha <= 1)) {  // true for NaN, which a range check lets pass
    throw InputError("--alpha must lie in [0, 1]");
  }
}

OverlayStyle style(const OverlayOptions& options) {
  return {.colormap = colormap(options.colormap), .blend = blend(options.blend), .alpha = options.alpha};
}

}  // namespace legrad::apps
