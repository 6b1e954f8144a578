#pragma once

#include <string>

namespace CLI {
class App;
}

namespace legrad::apps {

/// `--method SPEC`: one method and its options. Throws `InputError` when it is parsed, for what no method reads.
void add_method_option(CLI::App& command, std::string& spec);

/// `--methods all|SPEC,SPEC,...` likewise.
void add_methods_option(CLI::App& command, std::string& specs);

/// Every method and the names of its options, a line each, for the end of a help text.
std::string methods_help();

}  // namespace legrad::apps
