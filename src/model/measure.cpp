#include "model/measure.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "model/check_attention.h"
#include "model/check_tail.h"
#include "model/difference.h"
#include "model/probe_patches.h"
#include "model/probe_rows.h"
#include "model/rows.h"

namespace legrad::model {
namespace {

using Rows = std::vector<int64_t>;

void expect_sizes(const at::Tensor& tensor, std::vector<int64_t> sizes, const std::string& what) {
  if (tensor.sizes() == at::IntArrayRef(sizes)) return;
  throw ModelError("for " + std::to_string(sizes[0]) + " images " + what + " is of " + std::to_string(tensor.size(0)) +
                       "; the file holds a batch of another size: export it for a batch of any size, or of one image",
                   Reason::kBatchUnfit);
}

ReadoutKind kind_of(const Rows& rows, const Structure& structure) {
  auto patches = structure.image->patch_positions;
  std::sort(patches.begin(), patches.end());
  constexpr size_t kFew = 8;
  if (rows.size() == 1) return ReadoutKind::kToken;
  if (rows == patches) return ReadoutKind::kPatchMean;
  const bool few = rows.size() <= kFew && static_cast<int64_t>(rows.size()) < structure.tokens;
  return few ? ReadoutKind::kTokens : ReadoutKind::kAllTokens;
}

// Whether two attentions that stand side by side have the same V [B, h, N, e].
bool weighs_values_twice(const at::Tensor& value, int64_t side_by_side) {
  const auto values = value.chunk(side_by_side, 1);
  for (size_t i = 1; i < values.size(); ++i) {
    const auto same = [&](const at::Tensor& before) { return agree(before, values[i]); };
    if (std::any_of(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(i), same)) return true;
  }
  return false;
}

class Measurement {
 public:
  Measurement(Network& network, const at::Tensor& images)
      : network_(network),
        structure_(network.structure),
        images_(images),
        packer_(structure_.tokens, network.pack_bytes) {}

  void run(const at::Tensor& output) {
    const int64_t image = output.size(0) - 1;
    Seen seen{embed(images_), embed(images_.narrow(0, image, 1)), image};
    find_patches(network_, images_.narrow(0, 0, two()));
    start_readout(seen.tokens.narrow(0, 0, two()));
    network_.plan.mean_pushed = true;
    for (size_t l = 0; l < network_.blocks.size(); ++l) run_block(l, seen);
    read_out(seen);
    compare(seen, output);
  }

 private:
  int64_t two() const { return std::min<int64_t>(2, images_.size(0)); }

  at::Tensor embed(const at::Tensor& images) const {
    auto tokens = network_.run_embed(images);
    expect_sizes(tokens, {images.size(0), structure_.tokens, structure_.width}, "the batch of its tokens");
    return tokens;
  }

  Rows rows_read(const at::Tensor& tokens) const {
    return find_rows_read([this](const at::Tensor& some) { return network_.run_readout(some); }, tokens, 1);
  }

  // The readout is asked about the tokens of every block, so about the first ones too. Its rows are needed for what is
  // checked at every block.
  void start_readout(const at::Tensor& tokens) {
    if (network_.pooler) return;
    structure_.readout_rows = rows_read(tokens);
    const auto count = static_cast<int64_t>(structure_.readout_rows.size());
    network_.plan.rows_restricted = count > 0 && 4 * count <= structure_.tokens;
    network_.rows_known = network_.plan.rows_restricted;
  }

  void run_block(size_t l, Seen& seen) {
    auto& block = network_.blocks[l];
    for (auto* program : {&block.attend, &block.tail, &block.with_means.tail}) *program = program->packed(packer_);
    const auto name = "block " + std::to_string(l);
    const auto attended = measure_attention(network_, block, seen, name);
    if (weighs_values_twice(attended.alone.attention.value, block.side_by_side)) structure_.differential = true;
    auto& plan = network_.plan;
    const auto expect_tokens = [&](const at::Tensor& tokens, int64_t batch) {
      expect_sizes(tokens, {batch, structure_.tokens, structure_.width}, "the batch of a block's output");
    };
    seen.tokens = run_tail(block, attended.together.context, seen.tokens);
    expect_tokens(seen.tokens, images_.size(0));
    const auto tail = check_tail(network_, block, {attended.alone.context, seen.alone},
                                 plan.rows_restricted ? structure_.readout_rows : Rows(), name);
    plan.rows_restricted = tail.keeps_rows;
    network_.rows_known = network_.rows_known && tail.knows_rows;
    seen.alone = tail.tokens;
    expect_tokens(seen.alone, 1);
  }

  at::Tensor run_tail(const Network::Block& block, const at::Tensor& context, const at::Tensor& tokens) {
    if (network_.plan.mean_pushed) {
      try {
        const auto both = network_.run_tail_with_means(block, context, tokens);
        if (agree(network_.run_mean(block, both.means), both.tokens.mean(1, /*keepdim=*/true))) return both.tokens;
      } catch (const ModelError&) {
        throw;
      } catch (const Error&) {
      }
      network_.plan.mean_pushed = false;
    }
    return network_.run_tail(block, context, tokens);
  }

  // From the last tokens to the output, which takes their place.
  void read_out(Seen& seen) {
    if (network_.pooler) return read_out_by_pooler(seen);
    Rows rows;
    const auto last = rows_read(seen.tokens.narrow(0, 0, two()));
    std::set_union(last.begin(), last.end(), structure_.readout_rows.begin(), structure_.readout_rows.end(),
                   std::back_inserter(rows));
    if (rows.empty()) {
      throw ModelError("the model's output does not depend on its last tokens", Reason::kNotDifferentiable);
    }
    const auto output = network_.run_readout(seen.tokens);
    auto& restricted = network_.plan.rows_restricted;
    restricted = restricted && rows == structure_.readout_rows && reads_alone(seen.tokens, rows, output);
    structure_.readout_rows = rows;
    structure_.readout = kind_of(rows, structure_);
    seen.alone = network_.run_readout(seen.alone);
    seen.tokens = output;
  }

  bool reads_alone(const at::Tensor& tokens, const Rows& rows, const at::Tensor& output) const {
    try {
      return agree(network_.run_readout(select_rows(tokens, 1, rows)), output);
    } catch (const Error&) {
      return false;
    }
  }

  void read_out_by_pooler(Seen& seen) {
    structure_.readout = ReadoutKind::kPooler;
    auto& pooler = *network_.pooler;
    pooler.attend = pooler.attend.packed(packer_);
    const auto attended = measure_attention(network_, pooler, seen, "the attentional pooler");
    if (auto& published = network_.published_pooler) {
      published->layout = pooler.layout;
      published->attend = published->attend.packed(packer_);
    }
    const auto context = attended.together.context.detach();
    const auto few = seen.tokens.narrow(0, 0, two());
    structure_.pooler_queries_read = find_rows_read(
        [&](const at::Tensor& some) { return network_.run_tail(pooler, some, few); }, context.narrow(0, 0, two()), 2);
    if (structure_.pooler_queries_read.empty()) {
      throw ModelError("the model's output does not depend on its attentional pooler", Reason::kNotDifferentiable);
    }
    seen.alone = network_.run_tail(pooler, attended.alone.context, seen.alone);
    seen.tokens = network_.run_tail(pooler, context, seen.tokens);
  }

  at::Tensor replay(const at::Tensor& images) const {
    auto tokens = embed(images);
    for (const auto& block : network_.blocks) {
      tokens = network_.run_tail(block, network_.attend(block, tokens).context, tokens);
    }
    if (!network_.pooler) return network_.run_readout(tokens);
    return network_.run_tail(*network_.pooler, network_.attend(*network_.pooler, tokens).context, tokens);
  }

  // The stages, on many images and on one alone, give what the file itself gives for some of them.
  void compare(const Seen& given, const at::Tensor& output) const {
    expect_sizes(given.tokens, {images_.size(0), structure_.output_width}, "the batch of its output");
    expect_sizes(given.alone, {1, structure_.output_width}, "the batch of its output");
    const int64_t judged = output.size(0);
    const auto together = given.tokens.narrow(0, 0, judged);
    if (agree(together, output) && agree(given.alone, output.narrow(0, given.image, 1))) return;
    if (agree(replay(images_.narrow(0, 0, judged)), output)) {
      throw ModelError(
          "an image does not give the output it gave beside others: the model mixes the images of a batch; it cannot "
          "be explained rightly",
          Reason::kMixesImages);
    }
    throw ModelError(
        "the model's parts, run one after another, do not give what the file itself gives (relative difference " +
            std::to_string(difference(together, output)) +
            "): it holds something that was not understood, and cannot be explained rightly",
        Reason::kNotReproduced);
  }

  Network& network_;
  Structure& structure_;
  const at::Tensor& images_;
  graph::LinearPacker packer_;  // for one image
};

}  // namespace

void measure(Network& network, const at::Tensor& images, const at::Tensor& output) {
  if (!output.isfinite().all().item<bool>()) {
    throw ModelError("the model's output is NaN or infinite; is it float16 on a CPU? try another dtype",
                     Reason::kNotFinite);
  }
  const auto lengths = output.to(at::kDouble).norm(2, -1);
  if (output.dim() != 2 || output.size(0) > images.size(0)) {
    throw ModelError("the file gives another number of outputs than it is given images", Reason::kBatchUnfit);
  }
  network.structure.normalized_output = (lengths - 1).abs().max().item<double>() < 1e-2;
  try {
    Measurement(network, images).run(output);
  } catch (const ModelError&) {
    throw;
  } catch (const std::exception& error) {
    throw ModelError(
        "its parts do not run on " + std::to_string(images.size(0)) + " images (" + error.what() +
            "); the file holds a batch of another size: export it for a batch of any size, or of one image",
        Reason::kBatchUnfit);
  }
}

}  // namespace legrad::model
