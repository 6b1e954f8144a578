#include "eval/data/coco_mask.h"

#include <legrad/error.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

namespace legrad::eval::data {
namespace {

using nlohmann::json;

/// How much finer than pixels the grid is that a polygon is drawn on.
constexpr int64_t kFine = 5;

/// A corner or a point of an edge, on the fine grid.
struct Place {
  int64_t x = 0;
  int64_t y = 0;
};

Place on_fine_grid(double x, double y, double farthest) {
  if (!(std::abs(x) <= farthest && std::abs(y) <= farthest)) {
    throw InputError("a polygon has a corner far outside of the picture");
  }
  return {static_cast<int64_t>(kFine * x + 0.5), static_cast<int64_t>(kFine * y + 0.5)};
}

/// Gives `visit` the points of an edge from `from` to `to`, both included. Drawn from the lower end of its longer axis,
/// whichever end comes first, so that neighbours share their edge's points.
template <class Visit>
void draw_edge(Place from, Place to, const Visit& visit) {
  const int64_t dx = std::abs(to.x - from.x);
  const int64_t dy = std::abs(to.y - from.y);
  const bool along_x = dx >= dy;
  const int64_t steps = std::max(dx, dy);
  if (steps == 0) return;
  const bool backwards = along_x ? from.x > to.x : from.y > to.y;
  const auto [low, high] = backwards ? std::array{to, from} : std::array{from, to};
  const double slope = along_x ? static_cast<double>(high.y - low.y) / static_cast<double>(dx)
                               : static_cast<double>(high.x - low.x) / static_cast<double>(dy);
  for (int64_t step = 0; step <= steps; ++step) {
    const int64_t t = backwards ? steps - step : step;
    const auto across = [&](int64_t start) {
      return static_cast<int64_t>(static_cast<double>(start) + slope * static_cast<double>(t) + 0.5);
    };
    visit(along_x ? Place{low.x + t, across(low.y)} : Place{across(low.x), low.y + t});
  }
}

std::vector<double> numbers(const json& list) {
  std::vector<double> all;
  all.reserve(list.size());
  for (const json& item : list) {
    if (!item.is_number()) throw InputError("a polygon must be a list of numbers, [x, y, x, y, ...]");
    all.push_back(item.get<double>());
  }
  return all;
}

void add_run_lengths(const json& runs, const at::Tensor& columns) {
  const int64_t height = columns.size(1);
  const int64_t width = columns.size(0);
  const json size = runs.value("size", json());
  if (size != json::array({height, width})) {
    throw InputError("field 'segmentation.size' must be [" + std::to_string(height) + ", " + std::to_string(width) +
                     "], height and width of the picture");
  }
  const json counts = runs.value("counts", json());
  if (counts.is_string()) {
    add_runs(counts_in(counts.get_ref<const std::string&>(), columns.numel()), columns);
    return;
  }
  const auto fits = [](const json& item) { return item.is_number_integer(); };
  if (!counts.is_array() || !std::ranges::all_of(counts, fits)) {
    throw InputError("field 'segmentation.counts' must be text, or a list of run lengths");
  }
  std::vector<int64_t> lengths;
  lengths.reserve(counts.size());
  for (const json& item : counts) {
    lengths.push_back(item.get<int64_t>());  // beyond int64 it becomes negative, and is refused as such
  }
  add_runs(lengths, columns);
}

}  // namespace

void add_segmentation(const json& segmentation, const at::Tensor& columns) {
  if (segmentation.is_object()) {
    add_run_lengths(segmentation, columns);
    return;
  }
  const auto is_list = [](const json& item) { return item.is_array(); };
  if (!segmentation.is_array() || segmentation.empty() || !std::ranges::all_of(segmentation, is_list)) {
    throw InputError("field 'segmentation' must be a list of polygons, [[x, y, ...], ...], or {\"size\", \"counts\"}");
  }
  for (const json& polygon : segmentation) add_polygon(numbers(polygon), columns);
}

void add_polygon(std::span<const double> corners, const at::Tensor& columns) {
  constexpr size_t kLeast = 6;
  if (corners.size() < kLeast || corners.size() % 2 != 0) {
    throw InputError("a polygon must have an x and a y for each of three corners or more, not " +
                     std::to_string(corners.size()) + " numbers");
  }
  const int64_t width = columns.size(0);
  const int64_t height = columns.size(1);
  std::vector<Place> places;
  places.reserve(corners.size() / 2 + 1);
  // In proportion to the picture: a few letters of a file shall not stand for millions of points to draw.
  const auto farthest = static_cast<double>(1000 + 4 * std::max(width, height));
  for (size_t i = 0; i < corners.size(); i += 2) places.push_back(on_fine_grid(corners[i], corners[i + 1], farthest));
  places.push_back(places.front());

  constexpr int64_t kMaxSteps = int64_t{1} << 28;
  int64_t steps = 0;
  for (size_t i = 1; i < places.size(); ++i) {
    steps += std::max(std::abs(places[i].x - places[i - 1].x), std::abs(places[i].y - places[i - 1].y));
    if (steps > kMaxSteps) throw InputError("a polygon has edges much longer than any picture");
  }

  std::vector<int64_t> crossings;  // elements of `columns` from which on inside and outside change places
  Place last = places.front();
  const auto visit = [&](Place point) {
    const int64_t left = std::min(last.x, point.x);
    const bool crosses = point.x != last.x && left % kFine == kFine / 2;  // a column's centre lies right of `left`
    if (crosses && left >= 0 && left / kFine < width) {
      const int64_t row = std::clamp<int64_t>((std::min(last.y, point.y) + kFine / 2) / kFine, 0, height);
      crossings.push_back(left / kFine * height + row);
    }
    last = point;
  };
  for (size_t i = 1; i < places.size(); ++i) draw_edge(places[i - 1], places[i], visit);

  std::ranges::sort(crossings);
  bool* const pixels = columns.data_ptr<bool>();
  for (size_t i = 1; i < crossings.size(); i += 2) {
    std::fill(pixels + crossings[i - 1], pixels + crossings[i], true);
  }
}

void add_runs(std::span<const int64_t> counts, const at::Tensor& columns) {
  const int64_t all = columns.numel();
  bool* const pixels = columns.data_ptr<bool>();
  int64_t at = 0;
  bool inside = false;
  for (const int64_t count : counts) {
    if (count < 0 || count > all - at) throw InputError("its runs go beyond the picture's last pixel");
    if (inside) std::fill(pixels + at, pixels + at + count, true);
    at += count;
    inside = !inside;
  }
  if (at != all) {
    throw InputError("its runs make up " + std::to_string(at) + " pixels, but the picture has " + std::to_string(all));
  }
}

std::vector<int64_t> counts_in(std::string_view text, int64_t most) {
  constexpr int kFirst = '0';
  constexpr int kBits = 5;
  constexpr int kMaxShift = 50;  // groups beyond do not fit 64 bits, and no picture needs them
  std::vector<int64_t> counts;
  for (size_t at = 0; at < text.size();) {
    int64_t value = 0;
    for (int shift = 0, more = 1; more != 0; shift += kBits) {
      const int code = at < text.size() ? static_cast<unsigned char>(text[at++]) - kFirst : -1;
      if (code < 0 || code >= 64 || shift > kMaxShift) {
        throw InputError("field 'segmentation.counts' is no text of run lengths");
      }
      value |= static_cast<int64_t>(code & 31) << shift;
      more = code & 32;
      const bool negative = more == 0 && (code & 16) != 0;
      if (negative) value -= int64_t{1} << (shift + kBits);
    }
    if (counts.size() > 2) value += counts[counts.size() - 2];
    if (value < 0 || value > most) throw InputError("field 'segmentation.counts' has a run beyond the picture's size");
    counts.push_back(value);
  }
  return counts;
}

}  // namespace legrad::eval::data
