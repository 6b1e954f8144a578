#pragma once

#include <legrad/named_targets.h>

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace legrad::apps {

/// Options that say what to explain.
struct TargetOptions {
  std::vector<std::string> classes;
  int64_t top = 0;  ///< 0: not given
  std::string text_embedding;
  std::string similarity = "cosine";
};

void add_target_options(CLI::App& command, TargetOptions& options);

/// The same, files read. Throws `InputError`.
TargetChoice target_choice(const TargetOptions& options);

}  // namespace legrad::apps
