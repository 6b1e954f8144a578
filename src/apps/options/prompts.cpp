#include "apps/options/prompts.h"

#include <legrad/error.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <sstream>

#include "io/read_file.h"
#include "io/words.h"

namespace legrad::apps {

std::vector<CLI::Option*> add_prompt_options(CLI::App& command, PromptOptions& options, const std::string& group) {
  CLI::Option* const prompt = command.add_option("--prompt", options.prompts, "Words; may be repeated")
                                  ->option_text("TEXT")
                                  ->allow_extra_args(false)
                                  ->group(group);
  CLI::Option* const file = command.add_option("--prompts", options.file, "A text file (UTF-8) with a prompt a line")
                                ->option_text("FILE")
                                ->group(group);
  command
      .add_option("--template", options.templates,
                  "Text that prompts are put into, as \"a photo of a {}\"; may be repeated: the mean of all")
      ->option_text("TEXT")
      ->allow_extra_args(false)
      ->group(group);
  return {prompt, file};
}

std::vector<std::string> read_lines(const std::string& file, const char* what) {
  constexpr uint64_t kMostBytes = uint64_t{16} << 20;
  std::istringstream text(io::read_file(file, kMostBytes, what));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (const auto words = io::trimmed(line); !words.empty()) lines.emplace_back(words);
  }
  if (lines.empty()) throw InputError(std::string(what) + " '" + file + "' has no line that is not blank");
  return lines;
}

std::vector<std::string> read_prompts(const PromptOptions& options) {
  std::vector<std::string> prompts = options.prompts;
  if (!options.file.empty())
    std::ranges::move(read_lines(options.file, "file of prompts"), std::back_inserter(prompts));
  return prompts;
}

void tell_cut_off(const EmbeddedPrompts& embedded, int64_t length) {
  if (embedded.cut_off == 0) return;
  std::cerr << "note: " << embedded.cut_off << (embedded.cut_off == 1 ? " text is" : " texts are")
            << " longer than the " << length << " tokens that the model reads; up to " << embedded.most_dropped
            << " tokens at the end were dropped\n";
}

}  // namespace legrad::apps
