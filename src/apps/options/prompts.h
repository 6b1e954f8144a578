#pragma once

#include <legrad/text/text_encoder.h>

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace legrad::apps {

/// Options that say what to ask a model for in words.
struct PromptOptions {
  std::vector<std::string> prompts;
  std::string file;  ///< with a prompt a line
  std::vector<std::string> templates;

  bool given() const { return !prompts.empty() || !file.empty(); }
};

/// Adds them to a group of the help; returns those that say prompts.
std::vector<CLI::Option*> add_prompt_options(CLI::App& command, PromptOptions& options, const std::string& group);

/// The lines of a text file that are not blank. Throws `InputError`.
std::vector<std::string> read_lines(const std::string& file, const char* what);

/// The prompts, those of the file last. Throws `InputError`.
std::vector<std::string> read_prompts(const PromptOptions& options);

/// Says on stderr if prompts were cut off. To be called when a command has done its work.
void tell_cut_off(const EmbeddedPrompts& embedded, int64_t length);

}  // namespace legrad::apps
