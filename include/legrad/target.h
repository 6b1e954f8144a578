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
/// - one of these, chosen once there is an output: `Target::chosen_by`
///
/// Throws `InputError` where indices or shapes do not fit the output; both shapes are in the message.
class Target {
 public:
  using Function = std::function<at::Tensor(const at::Tensor& output)>;
  using Choice = std::function<Target(const at::Tensor& output)>;

  Target() = default;  ///< no target; explaining with it throws `InputError`
  Target(std::initializer_list<int64_t> classes);
  Target(std::vector<int64_t> classes);
  Target(const at::Tensor& classes_or_embeddings, Similarity similarity = Similarity::kCosine);
  Target(Function scores);

  /// A target that depends on the output [B, C] of the images explained, as their best predictions do. A sweep asks
  /// `choice` once: with its own output, or where a method needs the target before that, with a plain forward's.
  static Target chosen_by(Choice choice);

  bool empty() const;

  /// The same with its indices or embeddings on a device, so that they need not be brought there again and again.
  Target on(c10::Device device) const;

  /// Whether K is known only once there is an output: for a callable, and a target that is still to be chosen.
  bool needs_output() const;

  /// Whether it, or a part of it, is still to be chosen by an output.
  bool to_be_chosen() const;

  /// What it is for an output [B, C]: itself where there is nothing to choose.
  Target chosen(const at::Tensor& output) const;

  /// K for an output [B, C]. Throws `InputError` if the target does not fit such an output.
  int64_t count(const at::Tensor& output) const;

  /// All scores [B, K] of an output [B, C].
  at::Tensor scores(const at::Tensor& output) const;

  /// Score `k` [B] of an output [B, C].
  at::Tensor score(const at::Tensor& output, int64_t k) const;

  /// Scores `first` to `first` + T - 1 [T, B], each of an output of its own: `outputs` [T, B, C].
  at::Tensor scores_apart(const at::Tensor& outputs, int64_t first) const;

  /// The weights [B, C] by which score `k` is a sum over the output's entries: 1 for a class, the embedding for an
  /// embedding, over the output's length where lengths are divided out; of a callable its gradient.
  at::Tensor weights(const at::Tensor& output, int64_t k) const;

  /// The same scores, whose gradients take lengths that are divided out for constants; of a callable its own gradient.
  Target with_held_lengths() const;

  /// The targets of `first`, then those of `second`.
  friend Target joined(const Target& first, const Target& second);

 private:
  struct Kind;
  std::shared_ptr<const Kind> kind_;
};

Target joined(const Target& first, const Target& second);

}  // namespace legrad
