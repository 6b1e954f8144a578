#include "apps/commands/inspect.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "apps/commands/describe.h"
#include "apps/options/model.h"

namespace legrad::apps {
namespace {

struct InspectOptions {
  ModelOptions model;
  bool json = false;
};

constexpr const char* kExamples = R"(Examples:
  legrad inspect --model models/emoji-vit
  legrad inspect --model vit.pt --size 224x224 --json)";

}  // namespace

void add_inspect(CLI::App& program) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App& command =
      *program.add_subcommand("inspect", "Say what was found in a model: its blocks, tokens and readout");
  command.footer(kExamples);
  add_model_options(command, options->model);
  command.add_flag("--json", options->json, "Print one JSON object instead of a table")->group("Output");
  command.callback([options] {
    const LoadedModel model = load_model(options->model, open_bundle(options->model));
    std::cout << (options->json ? describe_json(model) : describe_text(model));
    tell_guess(model.vit.structure());
  });
}

}  // namespace legrad::apps
