#include "apps/commands/inspect.h"

#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/explainer.h>
#include <legrad/text/text_encoder.h>
#include <legrad/verify.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>

#include "apps/commands/describe.h"
#include "apps/options/model.h"
#include "apps/terminal.h"

namespace legrad::apps {
namespace {

struct InspectOptions {
  ModelOptions model;
  bool json = false;
  bool verify = false;
};

constexpr const char* kInspectExamples = R"(Examples:
  legrad inspect --model models/emoji-vit
  legrad inspect --model models/emoji-clip --verify
  legrad inspect --model vit.pt --size 224x224 --json)";

Vit load_quietly(const Bundle& bundle, const LoadOptions& options) {
  const QuietStderr quiet;
  return load_model(bundle, options);
}

std::string sentence(const char* what, const Verified& verified) {
  return c10::str(what, " to ", verified.difference, " of the largest number (", verified.allowed, " is allowed)\n");
}

/// Replays what the manifest says that the model gave at its home, a line each.
void replay(const Bundle& bundle, const Vit& vit, const LoadOptions& load) {
  if (!bundle.output_check && !bundle.takes_words) {
    throw InputError("the manifest of model '" + bundle.name +
                     "' has nothing to replay: no 'check', and no 'text.checks'");
  }
  if (bundle.output_check) std::cout << sentence("image    the output is its home's", verify(bundle, vit));
  if (!bundle.takes_words) return;
  const auto words = TextEncoder::load(bundle, load);
  const auto& checks = words.manifest().checks;
  std::cout << "prompts  " << checks.size() << " of " << checks.size() << " give their ids\n";
  if (std::ranges::any_of(checks, [](const auto& check) { return !check.embedding.empty(); })) {
    std::cout << sentence("words    the embeddings are its home's", words.verify());
  }
}

}  // namespace

void add_inspect(CLI::App& program) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App& command =
      *program.add_subcommand("inspect", "Say what was found in a model: its blocks, tokens and readout");
  command.footer(kInspectExamples);
  add_model_options(command, options->model);
  command.add_flag("--json", options->json, "Print one JSON object instead of a table")->group("Output");
  CLI::Option* json = command.get_option("--json");
  command
      .add_flag("--verify", options->verify,
                "Replay the checks of the manifest instead: that the model gives here what it gave at its home")
      ->excludes(json)
      ->group("Output");
  command.callback([options] {
    const Bundle bundle = open_bundle(options->model);
    use_threads(options->model);
    const auto load = load_options(options->model);
    const Vit vit = load_quietly(bundle, load);
    if (options->verify) return replay(bundle, vit, load);
    std::cout << (options->json ? describe_json(bundle, vit) : describe_text(bundle, vit));
    tell_guess(vit.structure());
  });
}

}  // namespace legrad::apps
