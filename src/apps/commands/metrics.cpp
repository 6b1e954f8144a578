#include "apps/commands/metrics.h"

#include <legrad/eval/evaluation.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

namespace legrad::apps {

void add_metrics(CLI::App& program) {
  const auto json = std::make_shared<bool>(false);
  CLI::App& command =
      *program.add_subcommand("metrics", "List the metrics of legrad evaluate, their sources and what they need");
  command.footer(
      "A metric is chosen by its name, or by that of one of its scores, as in\n"
      "  legrad evaluate --metrics pixel_ap,pointing,miou ...");
  command.add_flag("--json", *json, "Print one JSON array instead of text")->group("Output");
  command.callback([json] { std::cout << (*json ? eval::metrics_json() : eval::metrics_text()); });
}

}  // namespace legrad::apps
