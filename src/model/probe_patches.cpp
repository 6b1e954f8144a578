#include "model/probe_patches.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "model/difference.h"
#include "model/probe_codes.h"

namespace legrad::model {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw ModelError(message, Reason::kTokensUnordered); }

std::string text(PatchGrid grid) { return std::to_string(grid.rows) + "x" + std::to_string(grid.columns); }

// What tokens are made from, cut into cells: the images, or what the patch embedding gives.
class Cells {
 public:
  using Embed = std::function<at::Tensor(const at::Tensor&)>;

  Cells(at::Tensor from, PatchGrid grid, Embed embed)
      : from_(std::move(from)),
        grid_(grid),
        embed_(std::move(embed)),
        other_(from_ + noise_like(from_, 5)),
        base_(embed_(from_)) {}

  // Which slices along `dim` of what is made change when the cells in `mask` [cells] are others.
  at::Tensor changed(const at::Tensor& mask, int64_t dim) const {
    const int64_t height = from_.size(2) / grid_.rows;
    const int64_t width = from_.size(3) / grid_.columns;
    auto places = at::zeros({from_.size(2), from_.size(3)}, at::kBool);
    places.narrow(0, 0, height * grid_.rows)
        .narrow(1, 0, width * grid_.columns)
        .copy_(mask.reshape({grid_.rows, grid_.columns}).repeat_interleave(height, 0).repeat_interleave(width, 1));
    return changed_slices(embed_(at::where(places.to(from_.device()), other_, from_)), base_, dim);
  }

  // Whether every cell is made into one token, and no token of several; then the token of each cell.
  std::optional<std::vector<int64_t>> tokens() const {
    const int64_t count = grid_.rows * grid_.columns;
    const auto sources = find_sources(count, [this](const at::Tensor& mask) { return changed(mask, 1); });
    if (!sources) return std::nullopt;
    std::vector<int64_t> tokens(count, -1);
    for (size_t token = 0; token < sources->size(); ++token) {
      if (sources->at(token) >= 0) tokens[sources->at(token)] = static_cast<int64_t>(token);
    }
    if (std::count(tokens.begin(), tokens.end(), -1) > 0) return std::nullopt;
    return tokens;
  }

 private:
  at::Tensor from_;
  PatchGrid grid_;
  Embed embed_;
  at::Tensor other_;
  at::Tensor base_;
};

class PatchFinder {
 public:
  PatchFinder(Network& network, const at::Tensor& images)
      : network_(network), image_(*network.structure.image), images_(images) {}

  void run() {
    const auto given = grid();
    const int64_t patches = given.rows * given.columns;
    check_count(given);
    auto places = in_image(given);
    if (places.empty()) places = in_patches(given);
    image_.patch_positions = places;
    image_.prefix_tokens = network_.structure.tokens - patches;
  }

 private:
  at::Tensor embed(const at::Tensor& images) const { return network_.run_embed(images); }

  int64_t from_image() const {
    const Cells whole(images_, {1, 1}, [this](const at::Tensor& images) { return embed(images); });
    return whole.changed(at::ones({1}, at::kBool), 1).sum().item<int64_t>();
  }

  PatchGrid grid() const {
    if (image_.grid.rows * image_.grid.columns > 0) return image_.grid;
    const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(from_image()))));
    return {side, side};
  }

  void check_count(PatchGrid given) const {
    const int64_t patches = from_image();
    if (patches == given.rows * given.columns) return;
    refuse(std::to_string(patches) + " of " + std::to_string(network_.structure.tokens) +
           " tokens come from the image, but the patch embedding gives " + text(given) +
           " patches; the order of the tokens cannot be told");
  }

  // Whatever way the grid lies in the image. Empty where a piece of the image goes to several tokens.
  std::vector<int64_t> in_image(PatchGrid given) {
    std::vector<PatchGrid> grids = {given};
    if (given.rows != given.columns) grids.push_back({given.columns, given.rows});
    for (const auto& tried : grids) {
      if (images_.size(2) % tried.rows != 0 || images_.size(3) % tried.columns != 0) continue;
      const Cells cells(images_, tried, [this](const at::Tensor& images) { return embed(images); });
      const auto tokens = cells.tokens();
      if (!tokens) continue;
      image_.grid = tried;
      return *tokens;
    }
    return {};
  }

  std::vector<int64_t> in_patches(PatchGrid given) {
    const auto patches = network_.run_patchify(images_);
    const Cells cells(patches, given, [this](const at::Tensor& some) { return network_.run_embed_patches(some); });
    const auto tokens = cells.tokens();
    if (!tokens) refuse("the patch embedding mixes neighbouring patches, so the tokens have no place on a grid");
    auto places = at::tensor(*tokens, at::TensorOptions().dtype(at::kLong)).reshape({given.rows, given.columns});
    places = as_in_image(places);
    image_.grid = {places.size(0), places.size(1)};
    const auto flat = places.contiguous();
    return {flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel()};
  }

  // Turns the grid that the patch embedding gives until its rows and columns are those of the image.
  at::Tensor as_in_image(at::Tensor places) const {
    if (places.size(0) == 1 || places.size(1) == 1) return places;
    const auto top = moved(2);
    const auto left = moved(3);
    if (top.along == left.along) {
      refuse("the rows and columns of the image cannot be found in what the patch embedding gives");
    }
    std::vector<int64_t> flips;
    if (!top.first) flips.push_back(top.along - 2);
    if (!left.first) flips.push_back(left.along - 2);
    places = places.flip(flips);
    return top.along == 3 ? places.t() : places;
  }

  struct Band {
    int64_t along = 0;   // 2: the rows of patches, 3: their columns, 0: neither
    bool first = false;  // whether it is the first ones
  };

  // Where among the patches a change to the first rows (`dim` 2) or columns (3) of the images is strongest.
  Band moved(int64_t dim) const {
    auto mask = at::zeros({images_.size(2), images_.size(3)}, at::kBool);
    mask.narrow(dim - 2, 0, std::max<int64_t>(1, images_.size(dim) / 6)).fill_(true);
    const auto changed = at::where(mask.to(images_.device()), images_ + noise_like(images_, 5), images_);
    const auto strength = (network_.run_patchify(changed) - network_.run_patchify(images_)).abs().to(at::kDouble);
    const double rows = offset(strength.sum({0, 1, 3}));
    const double columns = offset(strength.sum({0, 1, 2}));
    constexpr double kClearly = 3;
    if (std::abs(rows) > kClearly * std::abs(columns)) return {2, rows < 0};
    if (std::abs(columns) > kClearly * std::abs(rows)) return {3, columns < 0};
    return {};
  }

  // The middle of a distribution over places, from -1 for the first one to 1 for the last.
  static double offset(const at::Tensor& strength) {
    const auto at = at::linspace(-1, 1, strength.size(0), strength.options());
    return (strength * at).sum().item<double>() / std::max(strength.sum().item<double>(), 1e-300);
  }

  Network& network_;
  ImageInput& image_;
  const at::Tensor& images_;
};

}  // namespace

void find_patches(Network& network, const at::Tensor& images) { PatchFinder(network, images).run(); }

}  // namespace legrad::model
