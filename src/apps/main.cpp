#include <c10/util/Exception.h>
#include <legrad/error.h>
#include <legrad/version.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "apps/commands/compare.h"
#include "apps/commands/embed.h"
#include "apps/commands/evaluate.h"
#include "apps/commands/explain.h"
#include "apps/commands/heads.h"
#include "apps/commands/inspect.h"
#include "apps/commands/methods.h"
#include "apps/commands/metrics.h"
#include "apps/commands/tokenize.h"
#include "apps/help.h"
#include "apps/hints.h"
#include "io/words.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

constexpr int kInternalFault = 1;
constexpr int kBadInput = 2;

/// Every layer's tensors are let go of before the next one's are made. The C library would hand memory that large back
/// to the system each time, and get it again page by page, a sixth of what `evaluate` took; it keeps it instead.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kBytes = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kBytes);
  mallopt(M_TRIM_THRESHOLD, kBytes);
#endif
}

/// LibTorch's warnings are for programmers; a program that succeeds leaves stderr empty.
class IgnoreWarnings : public c10::WarningHandler {
 public:
  void process(const c10::Warning& /*warning*/) override {}
};

int fail(int code, const std::string& message) {
  std::fprintf(stderr, "legrad: error: %s\n", legrad::io::one_line(message).c_str());
  return code;
}

/// The line of LibTorch's many that says what is wrong: the last one of a TorchScript traceback, else the first.
std::string telling_line(const std::string& text) {
  constexpr const char* kBlank = " \n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string::npos) {
    return "something failed and did not say why";
  }
  if (text.find("Traceback of TorchScript") != std::string::npos) {
    const size_t last = text.find_last_not_of(kBlank);
    return text.substr(text.rfind('\n', last) + 1, last - text.rfind('\n', last));
  }
  return text.substr(first, text.find('\n', first) - first);
}

int run(int argc, char** argv) {
  CLI::App program(
      "Explain vision transformers: where does the model look? Works on TorchScript and torch.export files as they "
      "are.",
      "legrad");
  program.formatter(legrad::apps::help_formatter());  // subcommands inherit it
  program.set_version_flag("--version", "legrad " LEGRAD_VERSION, "Print the version and exit");
  program.require_subcommand(1);
  program.footer(
      "Try: legrad explain --help, legrad compare --help, legrad evaluate --help, legrad inspect --help, legrad heads "
      "--help, legrad methods, legrad metrics, legrad embed --help, legrad tokenize --help");
  legrad::apps::add_explain(program);
  legrad::apps::add_compare(program);
  legrad::apps::add_inspect(program);
  legrad::apps::add_methods(program);
  legrad::apps::add_evaluate(program);
  legrad::apps::add_metrics(program);
  legrad::apps::add_embed(program);
  legrad::apps::add_tokenize(program);
  legrad::apps::add_heads(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      return program.exit(error);  // --help and --version
    }
    const auto chosen = program.get_subcommands();
    const std::string command = chosen.empty() ? "legrad" : "legrad " + chosen.front()->get_name();
    return fail(kBadInput, std::string(error.what()) + "; see " + command + " --help");
  }
  if (!std::cout.flush()) {
    return fail(kInternalFault, "cannot write to standard output");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  IgnoreWarnings ignore_warnings;
  const c10::WarningUtils::WarningHandlerGuard guard(&ignore_warnings);
  try {
    return run(argc, argv);
  } catch (const legrad::Error& error) {
    return fail(kBadInput, error.what() + legrad::apps::hint(error.reason()));
  } catch (const c10::Error& error) {
    return fail(kInternalFault, telling_line(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return fail(kInternalFault, telling_line(error.what()));
  }
}
