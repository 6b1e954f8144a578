#include "model/resize.h"

#include <legrad/error.h>

#include <algorithm>

#include "graph/passes/positions.h"
#include "graph/passes/straighten.h"
#include "model/build.h"

namespace legrad::model {
namespace {

std::string text(ImageSize size) { return std::to_string(size.height) + "x" + std::to_string(size.width); }

PatchGrid grid_at(ImageSize size, const Structure& structure) {
  const int64_t height = structure.image->size.height / structure.image->grid.rows;
  const int64_t width = structure.image->size.width / structure.image->grid.columns;
  constexpr int64_t kMostSide = 1 << 14;
  const bool fits = size.height >= height && size.width >= width && size.height <= kMostSide &&
                    size.width <= kMostSide && size.height % height == 0 && size.width % width == 0;
  if (!fits) {
    throw InputError("cannot take images of " + text(size) + "; expected multiples of the patch size " +
                         text(ImageSize{height, width}) + ", at most " + std::to_string(kMostSide),
                     Reason::kSizeUnfit);
  }
  return {size.height / height, size.width / width};
}

graph::PositionLayout layout_of(const Structure& structure) {
  const auto& places = structure.image->patch_positions;
  for (size_t i = 1; i < places.size(); ++i) {
    if (places[i] != places[i - 1] + 1) {
      throw ModelError(
          "cannot take images of another size: the patches do not stand row by row; export it at that size",
          Reason::kTokensUnordered);
    }
  }
  return {structure.image->grid, places.front(), structure.tokens - 1 - places.back(), structure.width};
}

// A readout row that is no patch, counted from the end of the tokens it is nearer to: a class token stays what it is.
std::vector<int64_t> other_rows_read(const Structure& structure) {
  const auto& patches = structure.image->patch_positions;
  std::vector<int64_t> rows;
  for (const int64_t row : structure.readout_rows) {
    if (std::find(patches.begin(), patches.end(), row) != patches.end()) continue;
    rows.push_back(row < patches.front() ? row : row - structure.tokens);
  }
  return rows;
}

int64_t patches_read(const Structure& structure) {
  return static_cast<int64_t>(structure.readout_rows.size() - other_rows_read(structure).size());
}

// At another size the model must be what it was: a slice that was all patches may be a part of them now.
void check_same_parts(const Structure& before, const Structure& now, PatchGrid grid, const std::string& why) {
  const bool all_before = patches_read(before) == static_cast<int64_t>(before.image->patch_positions.size());
  const bool all_now = patches_read(now) == static_cast<int64_t>(now.image->patch_positions.size());
  const bool patches_fit = (patches_read(before) == 0 && patches_read(now) == 0) || (all_before && all_now);
  const bool same = now.image->grid == grid && now.readout == before.readout && patches_fit &&
                    now.image->prefix_tokens == before.image->prefix_tokens && now.blocks == before.blocks &&
                    other_rows_read(now) == other_rows_read(before) &&
                    now.pooler_queries_read == before.pooler_queries_read;
  if (!same) throw ModelError(why + "; export it at that size", Reason::kSizeUnfit);
}

}  // namespace

std::shared_ptr<const Network> resize(const Network& network, ImageSize size) {
  if (!network.line) throw InputError("a model put together of two takes no other size; resize both first");
  const auto& structure = network.structure;
  const auto grid = grid_at(size, structure);
  const auto source = graph::with_positions(*network.line, layout_of(structure), grid);
  graph::StraightenOptions straighten;
  straighten.device = structure.device;
  straighten.from_dtype = straighten.to_dtype = structure.dtype;
  const std::string why = "the model cannot take images of " + text(size) + ", it was exported for " +
                          text(structure.image->size) + " and holds more of that than a position embedding";
  std::shared_ptr<Network> resized;
  try {
    resized = build(source, network.plan.batch_of_one ? 1 : 2, size, structure.image->channels, straighten,
                    network.pack_bytes);
  } catch (const graph::ExecutionError& error) {
    throw ModelError(why + " (" + error.what() + "); export it at that size", Reason::kSizeUnfit);
  }
  check_same_parts(structure, resized->structure, grid, why);
  resized->structure.output_is = structure.output_is;
  resized->structure.quantised = structure.quantised;
  resized->structure.image->size_guessed = structure.image->size_guessed;
  return resized;
}

}  // namespace legrad::model
