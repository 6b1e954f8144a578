#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/attention.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace legrad {

struct Rules;

/// Which score of its own a block is asked for in the forward sweep.
enum class BlockScore {
  kNone,       ///< none
  kModel,      ///< s^l = readout(Z^l), the model's own readout, final norm included
  kTokenMean,  ///< s^l = readout(mean of Z^l over its tokens, put in every row)
  kPublished,  ///< s^l = pool(Z^l) without the model's final norm; for models with an attentional pooler
};

/// A block as the forward sweep passes it, first block to last.
struct ForwardBlock {
  int64_t index = 0;    ///< counted from 0
  at::Tensor input;     ///< Z^{l-1} [B, N, d]
  at::Tensor output;    ///< Z^l [B, N, d]
  Attention attention;  ///< the block's self-attention
  /// What queries, keys and values are projected from [B, N, d]; where `Structure::attention_added`.
  std::function<at::Tensor()> projected{};
  /// What a context [B, h, N, e] in place of the block's own would add to the stream, [B, N, d]; likewise.
  std::function<at::Tensor(const at::Tensor& context)> added{};
};

/// The gradient of some of a block's own scores at the attention that explains it: the block's self-attention, or
/// the pooler's where the model has one.
struct ScoreGradient {
  int64_t block = 0;                           ///< counted from 0
  int64_t first_target = 0;                    ///< k of the first score in here
  at::Tensor scores;                           ///< s^l [T, B] for targets first_target ... first_target + T - 1
  at::Tensor context_gradient;                 ///< ∂s^l/∂O [T, B, h, R, e]: zero in all rows that are not given
  const std::vector<int64_t>* rows = nullptr;  ///< [R] which query rows are given; nullptr: all of them
  const Attention* attention = nullptr;        ///< whose context O is
};

/// Watches the forward sweep. A method implements this, `BackwardWatcher`, or both.
class ForwardWatcher {
 public:
  virtual ~ForwardWatcher() = default;
  /// The score it wants block `block` to be asked for.
  virtual BlockScore wants(int64_t block) const {
    (void)block;
    return BlockScore::kNone;
  }
  /// Whether it wants to see block `block` itself. A block nobody wants to see may be computed in part.
  virtual bool watches(int64_t block) const {
    (void)block;
    return false;
  }
  /// Called once for a block it watches, before its gradients.
  virtual void on_block(const ForwardBlock& block) { (void)block; }
  /// Tokens of its own [B, n, d], to be read out one by one when the sweep is over; undefined where there are none.
  virtual at::Tensor tokens() const { return {}; }
  /// Called with their scores [B, K, n]: of each what the model's readout gives where it sees that token alone.
  virtual void on_scores(const at::Tensor& scores) { (void)scores; }
  /// Called one or more times for a block it wants a score of, until all targets were seen; perhaps after later blocks
  /// were, as several are pooled together.
  virtual void on_gradient(const ScoreGradient& gradient) { (void)gradient; }
};

/// What a backward watcher needs of a block, or of the pooler. The sweep runs no further down than someone needs, and
/// takes gradients only where they are needed.
enum class BackwardNeed {
  kNothing,
  kAttention,  ///< the attention alone, once, whatever the targets
  kTokens,     ///< Z^l and ∂s_k/∂Z^l, for every target
  kContext,    ///< those, the attention and ∂s_k/∂O, for every target
};

/// A block, or the pooler, as the backward sweep passes it for one target.
struct BackwardBlock {
  int64_t index = 0;                     ///< counted from 0; -1 for the pooler
  int64_t target = 0;                    ///< k of the final score the gradients are of
  const Attention* attention = nullptr;  ///< for who needs the context
  at::Tensor context_gradient;           ///< ∂s_k/∂O [B, h, M, e], s_k the final score; for who needs the context
  at::Tensor output;                     ///< Z^l [B, N, d]; for the pooler its input Z^L
  at::Tensor output_gradient;            ///< ∂s_k/∂Z^l [B, N, d]
  bool pooler() const { return index < 0; }
};

/// Watches the backward sweep: the pooler first, then last block to first; of each its attention, then all targets.
class BackwardWatcher {
 public:
  virtual ~BackwardWatcher() = default;
  /// What it needs of block `block`, counted from 0; -1 for the pooler.
  virtual BackwardNeed needs(int64_t block) const = 0;
  /// Called where it needs the attention alone.
  virtual void on_attention(int64_t block, const Attention& attention) {
    (void)block;
    (void)attention;
  }
  /// Called where it needs tokens or the context.
  virtual void on_block(const BackwardBlock& block) { (void)block; }
};

/// A block, or the pooler, as a relevance walk passes it, for one image and one target.
struct RelevanceBlock {
  int64_t index = 0;                     ///< counted from 0; -1 for the pooler
  int64_t image = 0;                     ///< of the batch
  int64_t target = 0;                    ///< k of the score that is explained
  const Attention* attention = nullptr;  ///< of that image alone, B = 1
  at::Tensor context;                    ///< O [1, h, M, e]
  at::Tensor context_relevance;          ///< of O by the rules, [1, h, M, e]: a relevance, or a changed gradient
};

/// Watches a relevance walk: for each image the pooler first, then last block to first, then the image; of each all
/// targets. Those with the same tables share one walk.
class RelevanceWatcher {
 public:
  virtual ~RelevanceWatcher() = default;
  /// How what is explained passes the model's operators: from a block's output down, ...
  virtual std::shared_ptr<const Rules> rules() const = 0;
  /// ... and before that from the score to the last tokens, through the pooler where there is one.
  virtual std::shared_ptr<const Rules> readout_rules() const { return rules(); }
  /// Whether it wants to see block `block`, counted from 0; -1 for the pooler. The walk goes no further than needed.
  virtual bool watches(int64_t block) const = 0;
  virtual void on_block(const RelevanceBlock& block) { (void)block; }
  /// Whether it wants what comes back to the images.
  virtual bool watches_images() const { return false; }
  /// `pixels` [1, 3, H, W]: the relevance of one image's numbers for one target; a changed gradient times the image.
  virtual void on_images(int64_t image, int64_t target, const at::Tensor& pixels) {
    (void)image;
    (void)target;
    (void)pixels;
  }
};

}  // namespace legrad
