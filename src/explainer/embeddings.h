#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace legrad::explainer {

/// What similarities are multiplied by where the bundle does not say: CLIP's, which its training bounds at 100.
constexpr double kUsualScale = 100;

/// Embeddings [d] or [K, d] as [K, d]. Throws `InputError` unless they are finite floating-point numbers, as wide as
/// the model's output; `what` is what they are called in its message.
at::Tensor checked_embeddings(const std::string& what, const at::Tensor& embeddings, int64_t width);

}  // namespace legrad::explainer
