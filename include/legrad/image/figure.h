#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/structure.h>

#include <optional>
#include <string>
#include <vector>

/// Figures of pictures side by side, as in a paper. Link `legrad::image`.
namespace legrad {

/// Pictures in rows and columns, each column with a heading and each row with a label.
struct PictureGrid {
  struct Cell {
    at::Tensor picture;              ///< RGB bytes [H, W, 3]
    std::string caption = {};        ///< below the picture
    std::optional<double> bar = {};  ///< how full a bar below the picture is, 0 to 1
  };
  struct Row {
    std::string label;      ///< to the left of the row, in bold
    std::string note = {};  ///< below the label, in grey
    std::vector<Cell> cells;
  };
  std::string title = {};  ///< above the grid
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

/// Draws grids below each other on white; pictures keep their size, text goes with the size of the first one. Text of
/// any script is drawn with the fonts of the machine, a letter that none of them has as a box. Returns RGB bytes
/// [H, W, 3]. Throws `InputError` for a picture of another shape or dtype, a row with more cells than columns, a figure
/// without a picture or with more than 2^27 pixels, and a machine without a font.
at::Tensor draw(const std::vector<PictureGrid>& grids);

/// RGB bytes [H, W, 3] scaled so that the longer side has `side` pixels. Throws `InputError`.
at::Tensor scaled_to(const at::Tensor& image, int64_t side);

}  // namespace legrad
