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
                         text({height, width}) + ", at most " + std::to_string(kMostSide),
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

}  // namespace

std::shared_ptr<const Network> resize(const Network& network, ImageSize size) {
  const auto& structure = network.structure;
  const auto grid = grid_at(size, structure);
  const auto source = graph::with_positions(*network.line, layout_of(structure), grid);
  graph::StraightenOptions straighten;
  straighten.device = structure.device;
  straighten.from_dtype = straighten.to_dtype = structure.dtype;
  const std::string why = "the model cannot take images of " + text(size) + ", it was exported for " +
                          text(structure.image->size) + " and holds more of that than a position embedding";
  std::shared_ptr<const Network> resized;
  try {
    resized = build(source, network.plan.batch_of_one ? 1 : 2, size, structure.image->channels, straighten);
  } catch (const graph::ExecutionError& error) {
    throw ModelError(why + " (" + error.what() + "); export it at that size", Reason::kSizeUnfit);
  }
  if (resized->structure.image->grid != grid) throw ModelError(why + "; export it at that size", Reason::kSizeUnfit);
  return resized;
}

}  // namespace legrad::model
