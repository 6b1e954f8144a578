#include "apps/options/methods.h"

#include <legrad/methods.h>

#include <CLI/CLI.hpp>

#include "apps/terminal.h"
#include "io/words.h"

namespace legrad::apps {
namespace {

constexpr const char* kGroup = "Method";

}  // namespace

void add_method_option(CLI::App& command, std::string& spec) {
  command
      .add_option_function<std::string>(
          "--method",
          [&spec](const std::string& text) {
            (void)built_in_methods().parse(text);
            spec = text;
          },
          io::joined(built_in_methods().names()) +
              "; options follow after a slash, as in legrad/readout=token_mean/layers=-4:")
      ->option_text("SPEC")
      ->default_str(spec)
      ->group(kGroup);
}

void add_methods_option(CLI::App& command, std::string& specs) {
  command
      .add_option_function<std::string>(
          "--methods",
          [&specs](const std::string& text) {
            (void)built_in_methods().parse_list(text);
            specs = text;
          },
          "paper (the nine of LeGrad's paper) or all, as far as they fit the model, or a comma list of " +
              io::joined(built_in_methods().names()) +
              ", in the order of the columns; options follow after a slash, as in legrad,legrad/layers=-1,rollout")
      ->option_text("paper|all|SPEC,...")
      ->default_str(specs)
      ->group(kGroup);
}

std::string methods_help() {
  const Methods known = built_in_methods();
  std::vector<std::vector<std::string>> rows;
  for (const MethodRow& row : known.rows()) {
    std::vector<std::string> keys;
    for (const MethodOption& option : row.options) keys.push_back(option.key);
    rows.push_back({"  " + row.name, io::joined(keys)});
  }
  return "Methods, and their options (legrad methods says what they mean):\n" + table(rows);
}

}  // namespace legrad::apps
