#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

namespace legrad {

/// How an output is compared with an embedding.
enum class Similarity {
  kCosine,  ///< <y/|y|, c/|c|>
  kDot,     ///< <y, c>
};

/// What is explained: K scores s [B, K], each a differentiable function of the model's output y [B, C].
///
/// - class indices, the same for every image: `{281, 207}` (negative ones count from the end)
/// - a `[B, K]` integer tensor: class indices for every image
/// - a `[K, C]` or `[B, K, C]` floating tensor: embeddings, compared by `Similarity`
/// - a callable from the output `[B, C]` to scores `[B, K]`
///
/// Throws `InputError` where indices or shapes do not fit the output; both shapes are in the message.
class Target {
 public:
  using Function = std::function<at::Tensor(const at::Tensor& output)>;

  Target() = default;  ///< no target; explaining with it throws `InputError`
  Target(std::initializer_list<int64_t> classes);
  Target(std::vector<int64_t> classes);
  Target(const at::Tensor& classes_or_embeddings, Similarity similarity = Similarity::kCosine);
  Target(Function scores);

  bool empty() const;

  /// The same with its indices or embeddings on a device, so that they need not be brought there again and again.
  Target on(c10::Device device) const;

  /// Whether K is known only once there is an output: for a callable.
  bool needs_output() const;

  /// K for an output [B, C]. Throws `InputError` if the target does not fit such an output.
  int64_t count(const at::Tensor& output) const;

  /// All scores [B, K] of an output [B, C].
  at::Tensor scores(const at::Tensor& output) const;

  /// Score `k` [B] of an output [B, C].
  at::Tensor score(const at::Tensor& output, int64_t k) const;

  /// The targets of `first`, then those of `second`.
  friend Target joined(const Target& first, const Target& second);

 private:
  struct Kind;
  std::shared_ptr<const Kind> kind_;
};

Target joined(const Target& first, const Target& second);

}  // namespace legrad
