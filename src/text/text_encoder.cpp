#include <ATen/Functions.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/text/text_encoder.h>

#include <algorithm>
#include <utility>

#include "model/difference.h"
#include "model/unit_rows.h"

namespace legrad {
namespace {

constexpr const char* kPlace = "{}";

// Texts are run so many at once: what a batch costs in memory does not grow with the number of prompts.
constexpr size_t kBatch = 64;

/// Every prompt in every template, the templates of one prompt beside each other.
std::vector<std::string> filled(const std::vector<std::string>& prompts, const std::vector<std::string>& templates) {
  std::vector<std::string> texts;
  texts.reserve(prompts.size() * templates.size());
  for (const std::string& prompt : prompts) {
    for (const std::string& pattern : templates) {
      const size_t at = pattern.find(kPlace);
      if (at == std::string::npos) {
        throw InputError("template '" + pattern + "' has no place for the prompt: write {} where it goes");
      }
      std::string text = pattern;
      texts.push_back(text.replace(at, 2, prompt));
    }
  }
  return texts;
}

}  // namespace

TextEncoder::TextEncoder(TextManifest manifest, Tokenizer tokenizer, TextTower tower)
    : manifest_(std::move(manifest)), tokenizer_(std::move(tokenizer)), tower_(std::move(tower)) {}

TextEncoder TextEncoder::load(const Bundle& bundle, const LoadOptions& options) {
  if (bundle.folder.empty()) {
    throw ModelError(
        "the model '" + bundle.name +
            "' is a bare export, which has no tokenizer; to ask in words, give a folder whose manifest.json "
            "has an object 'text', or embed the prompts elsewhere and give their embeddings",
        Reason::kOtherInput);
  }
  auto manifest = TextManifest::read(bundle.folder);
  auto tokenizer = manifest.tokenizer();
  LoadOptions as = options;
  as.output.clear();
  as.output_place.reset();
  if (!as.dtype) as.dtype = bundle.dtype;
  auto tower = TextTower::load(manifest.tower.empty() ? bundle.vision : manifest.tower, manifest.rules.length, as);
  if (tower.vocabulary() > 0 && tokenizer.size() > tower.vocabulary()) {
    throw ModelError("the tokenizer of model '" + bundle.name + "' makes ids up to " +
                         std::to_string(tokenizer.size() - 1) + ", and its text tower knows " +
                         std::to_string(tower.vocabulary()) + "; export the model and its tokenizer together",
                     Reason::kDamaged);
  }
  return {std::move(manifest), std::move(tokenizer), std::move(tower)};
}

EmbeddedPrompts TextEncoder::encode(const std::vector<std::string>& prompts,
                                    const std::vector<std::string>& templates) const {
  if (prompts.empty()) throw InputError("no prompt was given");
  const auto texts = templates.empty() ? prompts : filled(prompts, templates);
  EmbeddedPrompts result;
  std::vector<at::Tensor> batches;
  for (size_t first = 0; first < texts.size(); first += kBatch) {
    const size_t count = std::min(kBatch, texts.size() - first);
    auto ids = at::empty({static_cast<int64_t>(count), tower_.length()}, at::kLong);
    for (size_t i = 0; i < count; ++i) {
      const Tokens tokens = tokenizer_.encode(texts[first + i]);
      result.cut_off += tokens.dropped > 0 ? 1 : 0;
      result.most_dropped = std::max(result.most_dropped, tokens.dropped);
      std::ranges::copy(tokenizer_.padded(tokens), ids[static_cast<int64_t>(i)].data_ptr<int64_t>());
    }
    batches.push_back(model::unit_rows(tower_.encode(ids).to(at::kCPU)));
  }
  auto vectors = at::cat(batches);
  if (!templates.empty()) {
    const auto count = static_cast<int64_t>(prompts.size());
    vectors = model::unit_rows(vectors.view({count, -1, vectors.size(1)}).mean(1));
  }
  if (!at::isfinite(vectors).all().item<bool>()) {
    throw InputError(
        "the text tower gives NaN or infinite numbers for these prompts; is it float16 on a CPU? load it in float32",
        Reason::kNotFinite);
  }
  result.vectors = std::move(vectors);
  return result;
}

Verified TextEncoder::verify() const {
  Verified verified{.difference = 0, .allowed = OutputCheck().tolerance};
  bool any = false;
  for (const auto& check : manifest_.checks) {
    if (check.embedding.empty()) continue;
    any = true;
    const double off =
        model::difference(encode({check.prompt}).vectors[0].to(at::kDouble), at::tensor(check.embedding, at::kDouble));
    if (!(off <= verified.allowed)) {  // true for NaN
      throw ModelError(c10::str("the embedding of the manifest's check prompt '", check.prompt, "' is off by ", off,
                                " of the one that its home gave, where ", verified.allowed,
                                " is allowed; load the model in the dtype it was made in, or export it again"),
                       Reason::kNotReproduced);
    }
    verified.difference = std::max(verified.difference, off);
  }
  if (!any)
    throw InputError("the manifest's 'text.checks' hold no 'embedding', so there is nothing to hold it against");
  return verified;
}

at::Tensor TextEncoder::empty_prompt() const {
  if (manifest_.empty_prompt.empty()) {
    throw InputError(
        "maps of a SigLIP are corrected by the empty prompt's, and the manifest names neither an 'empty_prompt' nor an "
        "'empty_embedding'; give its embedding, or turn the correction off",
        Reason::kEmptyPromptNeeded);
  }
  return encode({manifest_.empty_prompt}).vectors;
}

}  // namespace legrad
