#pragma once

#include <legrad/named_targets.h>

#include <cstdint>
#include <string>
#include <vector>

#include "apps/options/prompts.h"

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say what to explain.
struct TargetOptions {
  std::vector<std::string> classes;
  int64_t top = 0;  ///< 0: not given
  PromptOptions prompts;
  std::vector<std::string> against;
  std::string labels;  ///< a file with a class a line
  std::string text_embedding;
  std::string similarity = "cosine";
};

void add_target_options(CLI::App& command, TargetOptions& options);

/// The same, files read. Throws `InputError`.
TargetChoice target_choice(const TargetOptions& options);

}  // namespace legrad::apps
