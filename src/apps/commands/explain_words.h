#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/text/prompt_words.h>
#include <legrad/text/text_encoder.h>

#include <string>

namespace legrad::apps {

/// Sees that words can be explained by the method of `spec`: "legrad" and "grad_eclip" have a side for texts. Throws
/// `InputError` for any other.
void check_words_method(const std::string& spec);

/// Which words of a prompt make it like an image of this embedding [1, d], by the method of `spec` with its defaults.
WordScores explain_words(const TextEncoder& words, const std::string& prompt, const at::Tensor& image,
                         const std::string& spec);

}  // namespace legrad::apps
