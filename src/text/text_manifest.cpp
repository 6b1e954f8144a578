#include <legrad/error.h>
#include <legrad/text/text_manifest.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "io/file_in.h"
#include "io/json_fields.h"
#include "io/parse_json.h"
#include "io/read_file.h"
#include "text/special.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using io::JsonFields;

constexpr uint64_t kMostBytes = uint64_t{16} << 20;
constexpr int64_t kMostId = (int64_t{1} << 24) - 1;
constexpr size_t kMostChecks = 100;
constexpr int64_t kSchemaVersion = 1;

/// A word of a manifest and what it means.
template <class Value>
using Word = std::pair<std::string_view, Value>;

constexpr std::array kCleanSteps = {
    Word<CleanStep>{"nfc", CleanStep::kNfc},
    Word<CleanStep>{"ftfy-lite", CleanStep::kFtfyLite},
    Word<CleanStep>{"whitespace", CleanStep::kWhitespace},
    Word<CleanStep>{"punctuation", CleanStep::kPunctuation},
    Word<CleanStep>{"canonicalize", CleanStep::kCanonicalize},
    Word<CleanStep>{"lower", CleanStep::kLower},
};
constexpr std::array kLowerCases = {
    Word<LowerCase>{"none", LowerCase::kNone},
    Word<LowerCase>{"python", LowerCase::kPython},
    Word<LowerCase>{"huggingface", LowerCase::kHuggingFace},
};
constexpr std::array kPlaces = {
    Word<SpecialTokens::FoundIn>{"raw", SpecialTokens::FoundIn::kRaw},
    Word<SpecialTokens::FoundIn>{"cleaned", SpecialTokens::FoundIn::kCleaned},
};
constexpr std::array kKinds = {
    Word<TextManifest::Kind>{"clip_bpe", TextManifest::Kind::kClipBpe},
    Word<TextManifest::Kind>{"sentencepiece", TextManifest::Kind::kSentencePiece},
};

template <class Words>
auto meaning(const JsonFields& fields, const char* field, const std::string& word, const Words& words) {
  const auto* const found =
      std::ranges::find(words, std::string_view(word), [](const auto& known) { return known.first; });
  if (found == words.end()) {
    std::string expected;
    for (const auto& [known, value] : words) {
      expected += (expected.empty() ? "\"" : ", \"") + std::string(known) + "\"";
    }
    fields.fail(field, "one of " + expected);
  }
  return found->second;
}

std::vector<CleanStep> clean_steps(const JsonFields& text) {
  std::vector<CleanStep> steps;
  for (const std::string& word : text.strings("clean")) {
    steps.push_back(meaning(text, "clean", word, kCleanSteps));
  }
  return steps;
}

int64_t id(const JsonFields& fields, const char* field) {
  const int64_t id = fields.integer(field);
  if (id < 0 || id > kMostId) {
    fields.fail(field, "an integer from 0 to " + std::to_string(kMostId));
  }
  return id;
}

std::optional<int64_t> id_if_any(const JsonFields& fields, const char* field) {
  return fields.has(field) ? std::optional<int64_t>(id(fields, field)) : std::nullopt;
}

SpecialTokens special_tokens(const JsonFields& fields) {
  SpecialTokens special;
  special.found_in = meaning(fields, "found_in", fields.string("found_in"), kPlaces);
  const JsonFields tokens = fields.object("tokens");
  for (const std::string& name : tokens.names()) {
    special.ids[name] = id(tokens, name.c_str());
  }
  return special;
}

TextRules rules(const JsonFields& text) {
  TextRules rules;
  rules.clean = clean_steps(text);
  rules.lower = meaning(text, "lower", text.string("lower"), kLowerCases);
  rules.length = text.integer("length");
  rules.pad = id(text, "pad");
  rules.begin = id_if_any(text, "begin");
  rules.end = id_if_any(text, "end");
  if (text.has("keep_end")) {
    rules.keep_end = text.boolean("keep_end");
  }
  if (text.has("special")) {
    rules.special = special_tokens(text.object("special"));
  }
  if (rules.length < 1) {
    text.fail("length", "an integer above 0");
  }
  try {
    text::check(rules);
  } catch (const InputError& error) {
    throw ModelError(std::string("object 'text': ") + error.what(), Reason::kDamaged);
  }
  return rules;
}

TextManifest manifest(const fs::path& folder, const nlohmann::json& document) {
  const JsonFields fields(document, "");
  if (fields.integer("schema_version") != kSchemaVersion) {
    fields.fail("schema_version", std::to_string(kSchemaVersion) + ", the only version this program reads");
  }
  if (!fields.has("text")) {
    throw ModelError(
        "it has no object 'text', so the model takes no words; export it with its text tower and "
        "tokenizer",
        Reason::kOtherInput);
  }
  const JsonFields text = fields.object("text");
  const JsonFields tokenizer = text.object("tokenizer");
  TextManifest result;
  if (text.has("file")) {
    result.tower = io::file_in(folder, text, "file");
  }
  result.kind = meaning(tokenizer, "kind", tokenizer.string("kind"), kKinds);
  result.vocabulary = io::file_in(folder, tokenizer, "file");
  if (tokenizer.has("merges")) {
    result.merges = io::file_in(folder, tokenizer, "merges");
  }
  result.rules = rules(text);
  if (text.has("checks")) {
    const std::vector<JsonFields> checks = text.objects("checks");
    if (checks.size() > kMostChecks) {
      text.fail("checks", "a list of at most " + std::to_string(kMostChecks) + " prompts");
    }
    result.checks.reserve(checks.size());
    for (const JsonFields& check : checks) {
      result.checks.push_back({check.string("prompt"), check.integers("ids", 0, kMostId),
                               check.has("embedding") ? check.numbers("embedding") : std::vector<double>()});
    }
  }
  if (fields.has("templates")) {
    result.templates = fields.strings("templates");
  }
  for (const std::string& pattern : result.templates) {
    if (pattern.find("{}") == std::string::npos) {
      fields.fail("templates", "a list of texts with a place {} for a prompt");
    }
  }
  if (fields.has("empty_prompt")) {
    result.empty_prompt = fields.string("empty_prompt");
  }
  if (result.kind == TextManifest::Kind::kSentencePiece && !result.merges.empty()) {
    tokenizer.fail("merges", "left out: a tokenizer of kind \"sentencepiece\" is one file");
  }
  const SpecialTokens& special = result.rules.special;
  if (result.kind == TextManifest::Kind::kSentencePiece && !special.ids.empty() &&
      special.found_in != SpecialTokens::FoundIn::kRaw) {
    text.object("special").fail("found_in", "\"raw\" for a tokenizer of kind \"sentencepiece\"");
  }
  return result;
}

std::string listed(const std::vector<int64_t>& ids) {
  constexpr size_t kMost = 12;
  std::string list;
  for (size_t i = 0; i < std::min(ids.size(), kMost); ++i) {
    list += (i == 0 ? "" : " ") + std::to_string(ids[i]);
  }
  return list + (ids.size() > kMost ? " ..." : "");
}

Tokenizer loaded(const TextManifest& manifest) {
  if (manifest.kind == TextManifest::Kind::kSentencePiece) {
    return Tokenizer::sentencepiece(manifest.vocabulary, manifest.rules);
  }
  return manifest.merges.empty() ? Tokenizer::clip_bpe(manifest.vocabulary, manifest.rules)
                                 : Tokenizer::clip_bpe(manifest.vocabulary, manifest.merges, manifest.rules);
}

}  // namespace

TextManifest TextManifest::read(const fs::path& folder) {
  const fs::path file = folder / "manifest.json";
  try {
    return manifest(folder, io::parse_json(io::read_file(file, kMostBytes, "manifest")));
  } catch (const ModelError& error) {
    throw ModelError("manifest '" + file.string() + "': " + error.what(), error.reason());
  } catch (const InputError& error) {
    throw ModelError(error.what(), error.reason());
  }
}

Tokenizer TextManifest::tokenizer() const {
  Tokenizer tokenizer = loaded(*this);
  for (const Check& check : checks) {
    const Tokens tokens = tokenizer.encode(check.prompt);
    if (tokens.ids != check.ids) {
      throw ModelError("tokenizer file '" + vocabulary.string() + "' makes of the manifest's check prompt '" +
                           check.prompt + "' the tokens " + listed(tokens.ids) + ", where they must be " +
                           listed(check.ids) + "; export the model and its tokenizer together",
                       Reason::kNotReproduced);
    }
  }
  return tokenizer;
}

}  // namespace legrad
