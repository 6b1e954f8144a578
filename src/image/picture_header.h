#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace legrad::image {

/// What a picture file says of itself, read without decoding it: decoding a hostile file of a few bytes may take all
/// memory.
struct PictureHeader {
  uint64_t width = 0;  ///< as stored, before `orientation`
  uint64_t height = 0;
  int orientation = 1;   ///< EXIF's, 1 to 8: how to turn the stored pixels
  bool complete = true;  ///< false where the file is seen to end too early: decoders may fill the rest with grey
};

/// Whether EXIF's `orientation` makes rows of columns.
constexpr bool on_its_side(int orientation) { return orientation >= 5; }

/// The header of a PNG, JPEG, WebP, BMP, TIFF or PNM file; nothing for any other. Sizes are 0 where they cannot be
/// read.
std::optional<PictureHeader> read_picture_header(std::string_view file);

// One for each format; `file` starts with its magic bytes.
PictureHeader read_png_header(std::string_view file);
PictureHeader read_jpeg_header(std::string_view file);
PictureHeader read_webp_header(std::string_view file);
PictureHeader read_bmp_header(std::string_view file);
PictureHeader read_pnm_header(std::string_view file);
PictureHeader read_tiff_header(std::string_view file);

/// The orientation in an EXIF block, which is a small TIFF file; 1 where it holds none.
int exif_orientation(std::string_view exif);

}  // namespace legrad::image
