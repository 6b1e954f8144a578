#include "model/measure.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

#include "graph/ir/tape.h"
#include "model/grad_scope.h"
#include "model/rows.h"

namespace legrad::model {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// How far two ways to the same numbers may lie apart. Wrong surgery is off by much more.
double tolerance(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::ScalarType::Double:
      return 1e-9;
    case c10::ScalarType::Float:
      return 1e-3;
    default:
      return 1e-1;
  }
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  const auto x = a.to(at::kDouble);
  const auto y = b.to(at::kDouble);
  const double scale = std::max(y.abs().max().item<double>(), 1e-30);
  return (x - y).abs().max().item<double>() / scale;
}

bool any_nan(const at::Tensor& tensor) { return tensor.isnan().any().item<bool>(); }

// A fixed direction, so that one number stands for a whole output.
at::Tensor direction(const at::Tensor& output) {
  constexpr uint64_t kSeed = 3214;
  auto generator = at::detail::createCPUGenerator(kSeed);
  return at::randn({output.size(-1)}, generator).to(output.device(), output.scalar_type());
}

class Measurement {
 public:
  Measurement(Network& network, const at::Tensor& image)
      : network_(network), structure_(network.structure), image_(image) {}

  // Runs all stages on one image, and checks on the way what can be checked there.
  at::Tensor replay() {
    auto tokens = network_.run_embed(image_);
    for (size_t l = 0; l < network_.blocks.size(); ++l) {
      const auto& block = network_.blocks[l];
      const auto context = network_.attend(block, tokens).context;
      if (l == 0) network_.plan.mean_pushed = mean_can_be_pushed(block, context, tokens);
      last_context_ = context;
      last_input_ = tokens;
      tokens = network_.run_tail(block, context, tokens);
    }
    last_tokens_ = tokens;
    if (network_.pooler) {
      const auto context = network_.attend(*network_.pooler, tokens).context;
      return network_.run_tail(*network_.pooler, context, tokens);
    }
    return network_.run_readout(tokens);
  }

  void find_patches() {
    auto& grid = structure_.image->grid;
    const auto from_image = poisoned_tokens(at::ones({1, 1}, at::kBool).expand({1, 1}), {1, 1});
    const int64_t patches = from_image.sum().item<int64_t>();
    if (grid.rows * grid.columns == 0) {
      const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(patches))));
      grid = {side, side};
    }
    const int64_t expected = grid.rows * grid.columns;
    if (patches != expected) {
      throw ModelError(std::to_string(patches) + " of " + std::to_string(structure_.tokens) +
                       " tokens come from the image, but the patch "
                       "embedding gives " +
                       std::to_string(grid.rows) + "x" + std::to_string(grid.columns) +
                       " patches; the order of the tokens cannot be told");
    }
    // Each patch has a number; for each of its binary digits, poison the patches that have it and see which tokens turn NaN.
    auto number = at::zeros({structure_.tokens}, at::kLong);
    for (int64_t bit = 1; bit < expected; bit *= 2) {
      const auto has_bit = at::arange(expected, at::kLong).bitwise_and(bit).ne(0).reshape({grid.rows, grid.columns});
      number += poisoned_tokens(has_bit, grid).to(at::kLong) * bit;
    }
    structure_.image->patch_positions.assign(expected, -1);
    for (int64_t token = 0; token < structure_.tokens; ++token) {
      if (!from_image[token].item<bool>()) continue;
      const int64_t patch = number[token].item<int64_t>();
      if (patch >= expected || structure_.image->patch_positions[patch] != -1) {
        throw ModelError("the patch embedding mixes neighbouring patches, so the tokens have no place on a grid");
      }
      structure_.image->patch_positions[patch] = token;
    }
    structure_.image->prefix_tokens = structure_.tokens - expected;
  }

  void find_readout_rows() {
    if (network_.pooler) {
      structure_.readout = ReadoutKind::kPooler;
      return;
    }
    auto rows = rows_with_gradient();
    std::vector<int64_t> rest;
    for (int64_t row = 0; row < structure_.tokens; ++row) {
      if (!std::binary_search(rows.begin(), rows.end(), row)) rest.push_back(row);
    }
    // Rows without a gradient may matter all the same (a max that another token wins, a head of zeros).
    constexpr int kMostProbes = 64;
    int probes = kMostProbes;
    find_among(rest, probes, rows);
    std::sort(rows.begin(), rows.end());
    if (rows.empty()) throw ModelError("the model's output does not depend on its last tokens");
    structure_.readout_rows = rows;
    auto patches = structure_.image->patch_positions;
    std::sort(patches.begin(), patches.end());
    constexpr size_t kFew = 8;
    if (rows.size() == 1) {
      structure_.readout = ReadoutKind::kToken;
    } else if (rows == patches) {
      structure_.readout = ReadoutKind::kPatchMean;
    } else if (rows.size() <= kFew && static_cast<int64_t>(rows.size()) < structure_.tokens) {
      structure_.readout = ReadoutKind::kTokens;
    } else {
      structure_.readout = ReadoutKind::kAllTokens;
    }
  }

  // Whether the last block's gradient on the readout rows alone is the one on all rows.
  bool rows_can_be_restricted() const {
    const auto& rows = structure_.readout_rows;
    if (network_.pooler || 4 * static_cast<int64_t>(rows.size()) > structure_.tokens) return false;
    try {
      const auto all = context_gradient(last_context_, last_input_);
      const auto few = context_gradient(select_rows(last_context_, 2, rows), select_rows(last_input_, 1, rows));
      auto others = all.clone();
      for (const int64_t row : rows) others.select(2, row).zero_();
      return difference(few, select_rows(all, 2, rows)) <= tolerance(structure_.dtype) &&
             others.abs().max().item<double>() <= tolerance(structure_.dtype) * all.abs().max().item<double>();
    } catch (const Error&) {
      return false;
    }
  }

 private:
  bool mean_can_be_pushed(const Network::Block& block, const at::Tensor& context, const at::Tensor& tokens) {
    network_.plan.mean_pushed = true;
    try {
      const auto both = network_.run_tail_with_mean(block, context, tokens);
      return difference(both.mean, both.tokens.mean(1, true)) <= tolerance(structure_.dtype);
    } catch (const Error&) {
      return false;
    }
  }

  // Which tokens [N] turn NaN when the patches marked in `mask` [rows, columns] do: in what the patch embedding gives, or
  // else in the image.
  at::Tensor poisoned_tokens(const at::Tensor& mask, PatchGrid grid) const {
    const auto patches = network_.run_patchify(image_);
    const int64_t height = patches.size(2) / grid.rows;
    const int64_t width = patches.size(3) / grid.columns;
    auto places = at::zeros({patches.size(2), patches.size(3)}, at::kBool);
    places.narrow(0, 0, height * grid.rows)
        .narrow(1, 0, width * grid.columns)
        .copy_(mask.repeat_interleave(height, 0).repeat_interleave(width, 1));
    return network_.run_embed_patches(patches.masked_fill(places.to(patches.device()), kNaN))[0].isnan().any(-1).cpu();
  }

  std::vector<int64_t> rows_with_gradient() const {
    const auto tape = network_.record_readout(last_tokens_);
    const auto& output = tape.outputs()[0];
    if (!output.requires_grad())
      throw ModelError("no gradient leads from the model's output to its tokens", Reason::kNotDifferentiable);
    const auto gradient = tape.pull({direction(output).expand_as(output)})[0];
    std::vector<int64_t> rows;
    const auto seen = gradient[0].ne(0).any(-1).cpu();
    for (int64_t row = 0; row < structure_.tokens; ++row) {
      if (seen[row].item<bool>()) rows.push_back(row);
    }
    return rows;
  }

  bool output_needs(const std::vector<int64_t>& rows) const {
    auto tokens = last_tokens_.clone();
    for (const int64_t row : rows) tokens.select(1, row).fill_(kNaN);
    return any_nan(network_.run_readout(tokens));
  }

  // Bisects; when the probes are used up, counts all that is left as seen, which is never wrong, only slower.
  void find_among(const std::vector<int64_t>& rows, int& probes, std::vector<int64_t>& found) const {
    if (rows.empty()) return;
    if (probes-- > 0) {
      if (!output_needs(rows)) return;
      if (rows.size() > 1) {
        const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
        find_among({rows.begin(), middle}, probes, found);
        find_among({middle, rows.end()}, probes, found);
        return;
      }
    }
    found.insert(found.end(), rows.begin(), rows.end());
  }

  at::Tensor context_gradient(const at::Tensor& context, const at::Tensor& tokens) const {
    const GradScope scope(true);
    const auto leaf = context.detach().clone().requires_grad_();
    const auto output = network_.run_readout(network_.run_tail(network_.blocks.back(), leaf, tokens));
    return graph::Tape({output}, {leaf}).pull({direction(output).expand_as(output)})[0];
  }

  Network& network_;
  Structure& structure_;
  at::Tensor image_;
  at::Tensor last_context_, last_input_, last_tokens_;
};

}  // namespace

void measure(Network& network, const at::Tensor& images, const at::Tensor& output) {
  if (any_nan(output)) throw ModelError("the model's output is NaN; is it float16 on a CPU? try another dtype");
  const auto lengths = output.to(at::kDouble).norm(2, -1);
  network.structure.normalized_output = (lengths - 1).abs().max().item<double>() < 1e-2;
  Measurement measurement(network, images.narrow(0, 0, 1));
  const auto replayed = measurement.replay();
  const double error = difference(replayed, output.narrow(0, 0, 1));
  if (!(error <= tolerance(network.structure.dtype))) {
    throw ModelError("one image alone does not give the output it gave beside another (relative difference " +
                     std::to_string(error) +
                     "): the model mixes the images of a batch, or has parts that could not be told apart; it cannot "
                     "be explained rightly");
  }
  measurement.find_patches();
  measurement.find_readout_rows();
  network.plan.rows_restricted = measurement.rows_can_be_restricted();
}

}  // namespace legrad::model
