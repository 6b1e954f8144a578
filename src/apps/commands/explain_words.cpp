#include "apps/commands/explain_words.h"

#include <ATen/Functions.h>
#include <legrad/error.h>
#include <legrad/methods.h>
#include <legrad/methods/words_grad_eclip.h>
#include <legrad/methods/words_legrad.h>

#include "apps/terminal.h"

namespace legrad::apps {
namespace {

std::string method_of(const std::string& spec) { return built_in_methods().parse(spec).name; }

}  // namespace

void check_words_method(const std::string& spec) {
  const auto name = method_of(spec);
  if (name == "legrad" || name == "grad_eclip") return;
  throw InputError("--words are explained by legrad or grad_eclip, and not by " + name + ": it has no side for texts");
}

WordScores explain_words(const TextEncoder& words, const std::string& prompt, const at::Tensor& image,
                         const std::string& spec) {
  const QuietStderr quiet;
  const Tokens tokens = words.tokenizer().encode(prompt);
  const auto ids = at::tensor(words.tokenizer().padded(tokens), at::kLong).unsqueeze(0);
  const auto scores = method_of(spec) == "legrad" ? words_legrad(words.tower(), ids, image)
                                                  : words_grad_eclip(words.tower(), ids, image);
  return word_scores(prompt_words(tokens, words.manifest()), scores[0]);
}

}  // namespace legrad::apps
