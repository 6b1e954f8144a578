#include "apps/commands/tokenize.h"

#include <legrad/text.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/terminal.h"
#include "io/words.h"

namespace legrad::apps {
namespace {

struct TokenizeOptions {
  std::string model;
  std::vector<std::string> prompts;
  bool json = false;
};

constexpr const char* kTokenizeExamples = R"(Examples:
  legrad tokenize --model models/my-clip --prompt "a photo of a cat"
  legrad tokenize --model models/my-clip --prompt "a cat" --prompt "a red car" --json)";

std::string tokens_json(const std::vector<std::string>& prompts, const std::vector<Tokens>& tokens) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (size_t i = 0; i < prompts.size(); ++i) {
    rows.push_back({{"prompt", prompts[i]}, {"ids", tokens[i].ids}, {"pieces", tokens[i].pieces}});
  }
  return nlohmann::ordered_json{{"prompts", rows}}.dump(2) + "\n";
}

/// The prompt, then ids over pieces in columns that are as wide as need be, as many in a line as fit.
std::string tokens_text(const std::string& prompt, const Tokens& tokens) {
  constexpr size_t kColumns = 12;
  std::vector<std::vector<std::string>> rows;
  for (size_t from = 0; from < tokens.ids.size(); from += kColumns) {
    const size_t to = std::min(from + kColumns, tokens.ids.size());
    std::vector<std::string>& ids = rows.emplace_back();
    for (size_t i = from; i < to; ++i) {
      ids.push_back(std::to_string(tokens.ids[i]));
    }
    std::vector<std::string>& pieces = rows.emplace_back();
    for (size_t i = from; i < to; ++i) {
      pieces.push_back(io::one_line(tokens.pieces[i]));
    }
  }
  return "'" + io::one_line(prompt) + "': " + std::to_string(tokens.ids.size()) + " tokens\n" + table(rows);
}

/// What was cut off, once for all prompts, when the command has done its work.
void tell_dropped(const std::vector<Tokens>& tokens, int64_t length) {
  const auto cut = std::ranges::count_if(tokens, [](const Tokens& row) { return row.dropped > 0; });
  if (cut == 0) {
    return;
  }
  const size_t most = std::ranges::max_element(tokens, {}, &Tokens::dropped)->dropped;
  std::cerr << "note: " << cut << " of " << tokens.size() << (cut == 1 ? " prompts has" : " prompts have")
            << " more than the " << length << " tokens that the model reads; " << (cut == 1 ? "the last " : "up to ")
            << most << " were dropped\n";
}

void tokenize(const TokenizeOptions& options) {
  const Tokenizer tokenizer = TextManifest::read(options.model).tokenizer();
  std::vector<Tokens> tokens;
  tokens.reserve(options.prompts.size());
  for (const std::string& prompt : options.prompts) {
    tokens.push_back(tokenizer.encode(prompt));
  }
  if (options.json) {
    std::cout << tokens_json(options.prompts, tokens);
  } else {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::cout << (i == 0 ? "" : "\n") << tokens_text(options.prompts[i], tokens[i]);
    }
  }
  tell_dropped(tokens, tokenizer.rules().length);
}

}  // namespace

void add_tokenize(CLI::App& program) {
  const auto options = std::make_shared<TokenizeOptions>();
  CLI::App& command = *program.add_subcommand("tokenize", "Say which tokens a model reads of a prompt");
  command.footer(kTokenizeExamples);
  command.add_option("--model", options->model, "Folder whose manifest.json has an object 'text' (docs/bundle.md)")
      ->option_text("DIR")
      ->group("Model")
      ->required();
  command.add_option("--prompt", options->prompts, "Text; may be repeated")
      ->option_text("TEXT")
      ->allow_extra_args(false)
      ->group("Prompts")
      ->required();
  command.add_flag("--json", options->json, "Print one JSON object instead of text")->group("Output");
  command.callback([options] { tokenize(*options); });
}

}  // namespace legrad::apps
