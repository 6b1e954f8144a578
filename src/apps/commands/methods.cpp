#include "apps/commands/methods.h"

#include <legrad/methods.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

namespace legrad::apps {

void add_methods(CLI::App& program) {
  const auto json = std::make_shared<bool>(false);
  CLI::App& command = *program.add_subcommand("methods", "List the methods, their sources and their options");
  command.footer(R"(A method is chosen with options as in
  legrad explain --method legrad/readout=token_mean/layers=-4: ...
  legrad compare --methods legrad,legrad/layers=0,3,-1,rollout ...)");
  command.add_flag("--json", *json, "Print one JSON array instead of text")->group("Output");
  command.callback(
      [json] { std::cout << (*json ? methods_json(built_in_methods()) : methods_text(built_in_methods())); });
}

}  // namespace legrad::apps
