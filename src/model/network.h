#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/attention.h>
#include <legrad/structure.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "graph/ir/program.h"
#include "graph/ir/source.h"
#include "graph/passes/cut.h"

namespace legrad::model {

/// What an attention is computed from, cut at its context O, so that ∂s/∂O can be taken.
struct Attended {
  Attention attention;
  at::Tensor context;  ///< O [B, h, M, e]
};

/// How an attention's tensors lie in the file, as measured. Outside, heads are [B, h, ...] and rows are in the order of
/// the tokens.
struct AttentionLayout {
  bool heads_in_batch = false;  ///< heads and images are one dimension, [1, B·h, N, e] ...
  bool heads_first = false;     ///< ... [1, h·B, N, e]
  at::Tensor key_order;         ///< [N] the row of K and V that is made of each token; undefined: its own
  at::Tensor keyless;           ///< [N] true for tokens that a pooler does not attend to; undefined: there are none
  at::Tensor query_order;       ///< [N] likewise of Q and O
  at::Tensor query_tokens;      ///< [N] the token that each row of Q and O is made of
};

/// One attention of the model, cut before it and behind it.
struct AttentionStage {
  graph::Program attend;  ///< Z -> Q, K, V, O (, mask)
  graph::Program tail;    ///< O, Z -> Z' (for a pooler: the output)
  double scale = 1;
  bool mask = false;
  int64_t side_by_side = 1;  ///< attentions of the file, each with as many heads
  AttentionLayout layout;

  /// Whether the tail does anything with Z.
  bool tail_reads_tokens() const { return tail.reads(1); }
};

/// A vision transformer cut into stages. Knows how to run each, and nothing of explanations. All tensors are on the
/// model's device and of its dtype.
class Network {
 public:
  struct Block : AttentionStage {
    graph::TailWithMeans with_means;    ///< O, Z -> Z', and of means in it that of Z' over its tokens [B, 1, d]
    graph::Program project;             ///< Z -> what Q, K and V are projected from [B, N, d]; empty: not one value
    bool projected_rows_first = false;  ///< whether that comes as [N, B, d]
    graph::Program add;                 ///< O, Z (its sizes alone) -> what O adds to Z [B, N, d]; empty: not as it is
  };

  Structure structure;
  GradientPlan plan;
  std::shared_ptr<const graph::Source> line;  ///< what it was cut from, as a source again
  graph::Program patchify;  ///< images -> [B, d, rows, columns]; empty where the model has no such value
  graph::Program embed;     ///< what `patchify` gives, or else the images -> Z^0
  graph::Program readout;   ///< Z^L -> output [B, C]
  std::vector<Block> blocks;
  std::optional<AttentionStage> pooler;
  std::optional<AttentionStage> published_pooler;  ///< the same without the model's final norm
  int64_t pack_bytes = 0;                          ///< about what packed weights may take
  int64_t tape_bytes = 0;  ///< about what one image's run of one block keeps, so that gradients can be taken
  bool rows_known =
      false;  ///< whether the tails' linear layers give the readout rows among all what they give them alone
  std::shared_ptr<const Rules> rules;  ///< by which gradients pass the stages; none: by autograd

  at::Tensor run_embed(const at::Tensor& images) const;
  at::Tensor run_patchify(const at::Tensor& images) const;  ///< the images themselves where there is no such program
  at::Tensor run_embed_patches(const at::Tensor& patches) const;
  at::Tensor run_readout(const at::Tensor& tokens) const;
  Attended attend(const AttentionStage& stage, const at::Tensor& tokens) const;
  /// The same of what `stage.attend` gave for `batch` images.
  Attended attended(const AttentionStage& stage, const std::vector<at::Tensor>& parts, int64_t batch) const;
  /// The tail of a block or pooler. `context` and `tokens` may hold a choice of rows, the same in both. `known`, if
  /// given, is told what the tail's linear layers give, and then spares a run on its rows alone the computing of that.
  at::Tensor run_tail(const AttentionStage& stage, const at::Tensor& context, const at::Tensor& tokens,
                      graph::LinearRows* known = nullptr) const;
  at::Tensor run_tail_knowing(const graph::LinearRows& known, const AttentionStage& stage, const at::Tensor& context,
                              const at::Tensor& tokens) const;

  /// The programs of a stage on one image, every value kept.
  graph::WholeRun attend_whole(const AttentionStage& stage, const at::Tensor& tokens) const;
  graph::WholeRun run_tail_whole(const AttentionStage& stage, const at::Tensor& context, const at::Tensor& tokens,
                                 graph::LinearRows* known = nullptr) const;

  at::Tensor run_project(const Block& block, const at::Tensor& tokens) const;
  at::Tensor run_add(const Block& block, const at::Tensor& context, const at::Tensor& tokens) const;

  /// A context as `stage.tail` takes it, outside.
  static at::Tensor context_from_file(const AttentionStage& stage, const at::Tensor& context, int64_t batch);
  /// An input for `batch` images whose contents nobody reads; takes no memory.
  at::Tensor image_sizes(int64_t batch) const;

  struct TailAndMeans {
    at::Tensor tokens;              ///< Z' [B, N, d]
    std::vector<at::Tensor> means;  ///< [B, 1, k] each, of values that are computed on the way to it
  };
  TailAndMeans run_tail_with_means(const Block& block, const at::Tensor& context, const at::Tensor& tokens) const;
  /// The mean of Z' over its tokens [B, 1, d] that such means make up.
  at::Tensor run_mean(const Block& block, const std::vector<at::Tensor>& means) const;

 private:
  /// Runs a program on inputs [B, ...]; image by image, if the model holds a batch of one. The outputs from `shared` on
  /// do not depend on the images.
  std::vector<at::Tensor> run(const graph::Program& program, const std::vector<at::Tensor>& inputs,
                              size_t shared = SIZE_MAX) const;
  template <class Once>
  std::vector<at::Tensor> run(const Once& once, const std::vector<at::Tensor>& inputs, size_t shared = SIZE_MAX) const;
};

}  // namespace legrad::model
