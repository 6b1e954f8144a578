#include <ATen/ops/empty.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/image/figure.h>

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "image/check_image.h"
#include "image/letters.h"

namespace legrad {
namespace {

using image::Font;
using Lines = std::vector<std::string>;

cv::Mat pixels(const at::Tensor& picture) {
  return {static_cast<int>(picture.size(0)), static_cast<int>(picture.size(1)), CV_8UC3, picture.data_ptr()};
}

/// Distances and fonts that go with a picture's width.
struct Style {
  explicit Style(int width)
      : text(std::clamp(width / 19, 7, 64)),
        gap(std::max(4, width / 28)),
        margin(2 * gap),
        most_label(width),
        title{text + text / 8, true, {30, 30, 30}},
        heading{text, true, {30, 30, 30}},
        label{text, true, {30, 30, 30}},
        note{text, false, {110, 110, 110}},
        caption{std::max(6, text * 4 / 5), false, {70, 70, 70}} {}

  int text;
  int gap;         ///< between pictures
  int margin;      ///< around the figure
  int most_label;  ///< width of the widest line of a label
  Font title, heading, label, note, caption;
};

/// Where the parts of one grid go, all from the grid's own corner.
class GridLayout {
 public:
  GridLayout(const PictureGrid& grid, const Style& style) : grid_(grid), style_(style) {
    widths_.assign(grid.columns.size(), 0);
    for (const auto& row : grid.rows) {
      if (row.cells.size() > widths_.size()) {
        throw InputError(c10::str("draw: a row of ", row.cells.size(), " pictures in ", widths_.size(), " columns"));
      }
      int height = 0;
      int below = 0;
      for (size_t c = 0; c < row.cells.size(); ++c) {
        const auto& cell = row.cells[c];
        widths_[c] = std::max(widths_[c], static_cast<int>(cell.picture.size(1)));
        height = std::max(height, static_cast<int>(cell.picture.size(0)));
        below = std::max(
            below, (cell.bar ? bar_height() + style.gap / 2 : 0) + (cell.caption.empty() ? 0 : style.caption.line()));
      }
      labels_.push_back(image::wrapped(row.label, style.most_label, style.label));
      notes_.push_back(image::wrapped(row.note, style.most_label, style.note));
      const int text = static_cast<int>(labels_.back().size()) * style.label.line() +
                       static_cast<int>(notes_.back().size()) * style.note.line();
      heights_.push_back(std::max(height, text));
      belows_.push_back(below);
    }
  }

  /// Of the widest label.
  int label_width() const {
    int width = 0;
    for (const auto& lines : labels_) width = std::max(width, widest(lines, style_.label));
    for (const auto& lines : notes_) width = std::max(width, widest(lines, style_.note));
    return width;
  }
  int pictures_width() const {
    int width = 0;
    for (const int column : widths_) width += column + style_.gap;
    return std::max(0, width - style_.gap);
  }
  int height() const {
    int height = top();
    for (size_t r = 0; r < heights_.size(); ++r) height += heights_[r] + belows_[r] + style_.gap;
    return height - style_.gap;
  }

  /// Pictures start at `left`, labels end a gap before it.
  void draw(cv::Mat& canvas, int left, int y) const {
    if (!grid_.title.empty()) image::put_text(canvas, grid_.title, {left, y + style_.title.height}, style_.title);
    y += top();
    int x = left;
    for (size_t c = 0; c < widths_.size(); ++c) {
      put_centred(canvas, grid_.columns[c], x + widths_[c] / 2, y - style_.gap, style_.heading, widths_[c]);
      x += widths_[c] + style_.gap;
    }
    for (size_t r = 0; r < grid_.rows.size(); ++r) {
      draw_label(canvas, r, left - 2 * style_.gap, y + heights_[r] / 2);
      draw_cells(canvas, r, left, y);
      y += heights_[r] + belows_[r] + style_.gap;
    }
  }

 private:
  static int widest(const Lines& lines, const Font& font) {
    int width = 0;
    for (const auto& line : lines) width = std::max(width, image::text_width(line, font));
    return width;
  }

  int bar_height() const { return std::max(3, style_.gap / 2); }
  int top() const {
    return (grid_.title.empty() ? 0 : style_.title.line() + style_.gap) + style_.heading.height + style_.gap;
  }

  // A heading too wide for its column gets smaller.
  static void put_centred(cv::Mat& canvas, const std::string& text, int centre, int base, Font font, int most) {
    while (font.height > 5 && image::text_width(text, font) > most) --font.height;
    image::put_text(canvas, text, {centre - image::text_width(text, font) / 2, base}, font);
  }

  void draw_label(cv::Mat& canvas, size_t row, int right, int centre) const {
    const auto lines = static_cast<int>(labels_[row].size());
    const auto notes = static_cast<int>(notes_[row].size());
    int base = centre - (lines * style_.label.line() + notes * style_.note.line()) / 2 + style_.label.height;
    const auto put = [&](const Lines& all, const Font& font) {
      for (const auto& line : all) {
        image::put_text(canvas, line, {right - image::text_width(line, font), base}, font);
        base += font.line();
      }
    };
    put(labels_[row], style_.label);
    put(notes_[row], style_.note);
  }

  void draw_cells(cv::Mat& canvas, size_t row, int x, int y) const {
    const auto& cells = grid_.rows[row].cells;
    for (size_t c = 0; c < cells.size(); ++c) {
      const auto picture = pixels(cells[c].picture);
      const int left = x + (widths_[c] - picture.cols) / 2;
      int below = y + (heights_[row] + picture.rows) / 2;
      picture.copyTo(canvas(cv::Rect(left, below - picture.rows, picture.cols, picture.rows)));
      if (cells[c].bar) {
        below += style_.gap / 2;
        const int full = cvRound(picture.cols * std::clamp(*cells[c].bar, 0.0, 1.0));
        canvas(cv::Rect(left, below, picture.cols, bar_height())).setTo(cv::Scalar(228, 228, 228));
        canvas(cv::Rect(left, below, full, bar_height())).setTo(cv::Scalar(52, 101, 164));
        below += bar_height();
      }
      if (!cells[c].caption.empty()) {
        put_centred(canvas, cells[c].caption, left + picture.cols / 2, below + style_.caption.line(), style_.caption,
                    picture.cols);
      }
      x += widths_[c] + style_.gap;
    }
  }

  const PictureGrid& grid_;
  const Style& style_;
  std::vector<int> widths_;    // of columns
  std::vector<int> heights_;   // of rows
  std::vector<int> belows_;    // what captions and bars take below a row
  std::vector<Lines> labels_;  // of rows
  std::vector<Lines> notes_;
};

/// The same grids with pictures that can be drawn from.
std::vector<PictureGrid> checked(std::vector<PictureGrid> grids) {
  for (auto& grid : grids) {
    for (auto& row : grid.rows) {
      for (auto& cell : row.cells) cell.picture = image::checked_image(cell.picture, "draw");
    }
  }
  return grids;
}

int first_width(const std::vector<PictureGrid>& grids) {
  for (const auto& grid : grids) {
    for (const auto& row : grid.rows) {
      if (!row.cells.empty()) return static_cast<int>(row.cells[0].picture.size(1));
    }
  }
  throw InputError("draw: there is no picture to draw");
}

}  // namespace

at::Tensor draw(const std::vector<PictureGrid>& given) {
  constexpr int64_t kMostPixels = int64_t{1} << 27;
  const auto grids = checked(given);
  const Style style(first_width(grids));
  std::vector<GridLayout> layouts;
  int label = 0;
  int width = 0;
  int height = style.margin;
  for (const auto& grid : grids) {
    const auto& layout = layouts.emplace_back(grid, style);
    label = std::max(label, layout.label_width());
    width = std::max(width, layout.pictures_width());
    height += layout.height() + style.margin;
  }
  const int left = style.margin + (label > 0 ? label + 2 * style.gap : 0);
  width += left + style.margin;
  if (int64_t{width} * height > kMostPixels) {
    throw InputError(
        c10::str("draw: a figure of ", width, " x ", height, " pixels is too large; draw fewer or smaller pictures"));
  }
  at::Tensor result = at::empty({height, width, 3}, at::kByte);
  cv::Mat canvas = pixels(result);
  canvas.setTo(cv::Scalar(255, 255, 255));
  int y = style.margin;
  for (const auto& layout : layouts) {
    layout.draw(canvas, left, y);
    y += layout.height() + style.margin;
  }
  return result;
}

at::Tensor scaled_to(const at::Tensor& picture, int64_t side) {
  constexpr int64_t kMostSide = 1 << 14;
  if (side < 1 || side > kMostSide)
    throw InputError(c10::str("scaled_to: a side of ", side, " pixels; expected 1 to ", kMostSide));
  const at::Tensor from = image::checked_image(picture, "scaled_to");
  const auto longer = static_cast<double>(std::max(from.size(0), from.size(1)));
  const auto scaled = [&](int64_t length) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(length * side) / longer));
  };
  at::Tensor result = at::empty({scaled(from.size(0)), scaled(from.size(1)), 3}, at::kByte);
  cv::Mat to = pixels(result);
  cv::resize(pixels(from), to, to.size(), 0, 0, static_cast<double>(side) < longer ? cv::INTER_AREA : cv::INTER_CUBIC);
  return result;
}

}  // namespace legrad
