#include "apps/method.h"

#include <ATen/ops/isfinite.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods/chefer_cam.h>
#include <legrad/methods/legrad.h>

#include <CLI/CLI.hpp>

#include "apps/terminal.h"

namespace legrad::apps {
namespace {

Readout readout(const std::string& name) {
  if (name == "model") {
    return Readout::kModel;
  }
  if (name == "published") return Readout::kPublished;
  return name == "token_mean" ? Readout::kTokenMean : Readout::kAuto;
}

}  // namespace

void add_method_options(CLI::App& command, MethodOptions& options) {
  constexpr const char* kGroup = "Method";
  command.add_option("--method", options.method, "legrad or chefer_cam")
      ->option_text("NAME")
      ->check(CLI::IsMember({"legrad", "chefer_cam"}))
      ->capture_default_str()
      ->group(kGroup);
  command.add_option("--layers", options.layers, "Blocks counted from 0, as in 6: or 0,3,-1 or -4: [all]")
      ->option_text("SPEC")
      ->group(kGroup);
  command
      .add_option(
          "--readout", options.readout,
          "What turns a block's tokens into its score, for legrad: auto, model (the model's own) or token_mean (the "
          "same on the mean of all tokens); auto is token_mean for a class token, else model")
      ->option_text("NAME")
      ->check(CLI::IsMember({"auto", "model", "token_mean", "published"}))
      ->capture_default_str()
      ->group(kGroup);
}

void check_method_options(const MethodOptions& options) {
  if (options.method != "legrad" && options.readout != "auto") {
    throw InputError("--readout belongs to --method legrad; leave it out with --method " + options.method);
  }
}

std::vector<int64_t> chosen_layers(const MethodOptions& options, int64_t blocks) {
  return options.layers.empty() ? std::vector<int64_t>() : parse_layers(options.layers, blocks);
}

at::Tensor explain(const Vit& vit, const at::Tensor& images, const Target& target, const MethodOptions& options) {
  const QuietStderr quiet;
  const std::vector<int64_t> layers = chosen_layers(options, vit.structure().blocks);
  at::Tensor maps;
  if (options.method == "chefer_cam") {
    maps = chefer_cam(vit, images, {.targets = target, .layers = layers});
  } else {
    LegradOptions legrad_options;
    legrad_options.targets = target;
    legrad_options.readout = readout(options.readout);
    legrad_options.layers = layers;
    maps = legrad::legrad(vit, images, legrad_options);
  }
  if (!at::isfinite(maps).all().item<bool>()) {
    throw InputError(
        "the model gives NaN or infinite numbers here, so there is nothing to explain; try --dtype float32");
  }
  return maps;
}

}  // namespace legrad::apps
