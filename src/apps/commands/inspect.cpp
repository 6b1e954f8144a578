#include "apps/commands/inspect.h"

#include <legrad/explainer.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "apps/commands/describe.h"
#include "apps/options/model.h"
#include "apps/terminal.h"

namespace legrad::apps {
namespace {

struct InspectOptions {
  ModelOptions model;
  bool json = false;
};

constexpr const char* kExamples = R"(Examples:
  legrad inspect --model models/emoji-vit
  legrad inspect --model vit.pt --size 224x224 --json)";

Vit load_quietly(const Bundle& bundle, const LoadOptions& options) {
  const QuietStderr quiet;
  return load_model(bundle, options);
}

}  // namespace

void add_inspect(CLI::App& program) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App& command =
      *program.add_subcommand("inspect", "Say what was found in a model: its blocks, tokens and readout");
  command.footer(kExamples);
  add_model_options(command, options->model);
  command.add_flag("--json", options->json, "Print one JSON object instead of a table")->group("Output");
  command.callback([options] {
    const Bundle bundle = open_bundle(options->model);
    use_threads(options->model);
    const Vit vit = load_quietly(bundle, load_options(options->model));
    std::cout << (options->json ? describe_json(bundle, vit) : describe_text(bundle, vit));
    tell_guess(vit.structure());
  });
}

}  // namespace legrad::apps
