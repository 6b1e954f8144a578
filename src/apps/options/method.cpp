#include "apps/options/method.h"

#include <ATen/ops/isfinite.h>
#include <legrad/error.h>
#include <legrad/layers.h>
#include <legrad/methods.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "apps/terminal.h"

namespace legrad::apps {
namespace {

constexpr const char* kGroup = "Method";

void add_choice(CLI::App& command, const char* name, std::string& value, const char* text,
                const std::vector<std::string>& choices) {
  command.add_option(name, value, text)
      ->option_text("NAME")
      ->check(CLI::IsMember(choices))
      ->capture_default_str()
      ->group(kGroup);
}

void add_number(CLI::App& command, const char* name, double& value, const char* text) {
  command.add_option(name, value, text)->option_text("X")->capture_default_str()->group(kGroup);
}

void add_options_of_methods(CLI::App& command, MethodOptions& options) {
  command
      .add_option("--layers", options.layers,
                  "Blocks counted from 0, as in 6: or 0,3,-1 or -4: [each method's own: all, but for grad_cam one at "
                  "two thirds, and for attention_cam and raw_attention the last]")
      ->option_text("SPEC")
      ->group(kGroup);
  add_choice(
      command, "--readout", options.readout,
      "What turns a block's tokens into its score, for legrad: model (the model's own), token_mean (the same on the "
      "mean of all tokens) or published (as in the authors' code)",
      {"model", "token_mean", "published"});
  command.add_flag("--no-relu", options.no_relu, "legrad with negative gradients too")->group(kGroup);
  add_number(command, "--negative-slope", options.negative_slope,
             "Slope for negative gradients in legrad's ReLU, 0 to 1");
  command.add_flag("--multi-layer", options.multi_layer, "grad_cam as the mean over the blocks, all or --layers")
      ->group(kGroup);
  command
      .add_flag("--without-prefix", options.without_prefix,
                "grad_cam with weights from patch tokens alone, without class token and registers")
      ->group(kGroup);
  add_choice(command, "--head-fusion", options.head_fusion, "How heads become one map in rollout: mean, max or min",
             {"mean", "max", "min"});
  add_number(command, "--discard-ratio", options.discard_ratio,
             "Share of each row's smallest attentions that rollout drops, 0 to below 1");
  command
      .add_option("--start-layer", options.start_layer,
                  "Leave out the blocks before it, for rollout and chefer_cam; the authors' scripts say 1")
      ->option_text("BLOCK")
      ->capture_default_str()
      ->group(kGroup);
  command.add_flag("--normalize", options.normalize, "chefer_cam with the row-normalised rule for a pooler")
      ->group(kGroup);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string options_of_legrad(const MethodOptions& options) {
  return "/readout=" + options.readout + "/relu=" + (options.no_relu ? "no" : "yes") +
         "/negative_slope=" + std::to_string(options.negative_slope);
}

std::string spec_of(const std::string& name, const MethodOptions& options) {
  const bool one_block = name == "attention_cam" || name == "raw_attention";
  std::string spec = name;
  if (!options.layers.empty()) spec += (one_block ? "/layer=" : "/layers=") + options.layers;
  if (name == "legrad") spec += options_of_legrad(options);
  if (name == "grad_cam") {
    spec += std::string("/include_prefix=") + (options.without_prefix ? "no" : "yes") +
            "/multi_layer=" + (options.multi_layer ? "yes" : "no");
  }
  if (name == "rollout") {
    spec += "/head_fusion=" + options.head_fusion + "/discard_ratio=" + std::to_string(options.discard_ratio);
  }
  if (name == "rollout" || name == "chefer_cam") spec += "/start_layer=" + std::to_string(options.start_layer);
  if (name == "chefer_cam") spec += std::string("/normalize=") + (options.normalize ? "yes" : "no");
  return spec;
}

}  // namespace

void add_method_options(CLI::App& command, MethodOptions& options) {
  command.add_option("--method", options.methods, listed(built_in_methods().names()))
      ->option_text("NAME")
      ->expected(1)
      ->default_str("legrad")
      ->group(kGroup);
  add_options_of_methods(command, options);
}

void add_methods_options(CLI::App& command, MethodOptions& options) {
  options.methods = {"all"};
  command
      .add_option("--methods", options.methods,
                  "all, or a comma list of " + listed(built_in_methods().names()) + ", in the order of the columns")
      ->option_text("all|LIST")
      ->delimiter(',')
      ->default_str("all")
      ->group(kGroup);
  add_options_of_methods(command, options);
}

void check_method_options(MethodOptions& options) {
  const Methods known = built_in_methods();
  if (options.methods == std::vector<std::string>{"all"}) {
    options.methods = known.names();
  }
  for (const auto& name : options.methods) (void)known.get(name);
  const auto chosen = [&](const std::string& method) { return std::ranges::count(options.methods, method) > 0; };
  const auto belongs = [&](bool given, const std::string& option, const std::string& method, const std::string& other) {
    if (given && !chosen(method) && (other.empty() || !chosen(other))) {
      throw InputError(option + " belongs to --method " + method + (other.empty() ? "" : " and " + other) +
                       "; leave it out with --method " + listed(options.methods));
    }
  };
  belongs(options.readout != "model", "--readout", "legrad", "");
  belongs(options.no_relu, "--no-relu", "legrad", "");
  belongs(options.negative_slope != 0, "--negative-slope", "legrad", "");
  belongs(options.multi_layer, "--multi-layer", "grad_cam", "");
  belongs(options.without_prefix, "--without-prefix", "grad_cam", "");
  belongs(options.head_fusion != "mean", "--head-fusion", "rollout", "");
  belongs(options.discard_ratio != 0, "--discard-ratio", "rollout", "");
  belongs(options.start_layer != 0, "--start-layer", "rollout", "chefer_cam");
  belongs(options.normalize, "--normalize", "chefer_cam", "");
  if (options.no_relu && options.negative_slope != 0) {
    throw InputError(
        "--no-relu keeps negative gradients as they are, so there is no --negative-slope; give one of them");
  }
}

LegradOptions legrad_options(const MethodOptions& options, const Structure& structure) {
  const auto chosen = built_in_methods().parse("legrad" + options_of_legrad(options));
  return legrad_options(chosen.values, structure);
}

std::vector<Method> chosen_methods(const MethodOptions& options, const std::shared_ptr<const Structure>& structure) {
  std::vector<Method> methods;
  for (const std::string& name : options.methods) {
    methods.push_back(built_in_methods().get(spec_of(name, options)));
    methods.back()(structure);  // says what does not fit
  }
  return methods;
}

std::vector<at::Tensor> explain(const Vit& vit, const at::Tensor& images, const Target& target,
                                const MethodOptions& options, const std::optional<Correction>& correction) {
  const QuietStderr quiet;
  const auto methods = chosen_methods(options, vit.shared_structure());
  auto maps = (correction ? legrad::explain(vit, images, target, methods, *correction)
                          : legrad::explain(vit, images, target, methods))
                  .maps;
  for (const at::Tensor& map : maps) {
    if (!at::isfinite(map).all().item<bool>()) {
      throw InputError(
          "the model gives NaN or infinite numbers here, so there is nothing to explain; try --dtype float32");
    }
  }
  return maps;
}

}  // namespace legrad::apps
