#include "image/byte_view.h"
#include "image/picture_header.h"

namespace legrad::image {
namespace {

constexpr uint64_t kImageWidth = 256;
constexpr uint64_t kImageLength = 257;
constexpr uint64_t kOrientation = 274;

ByteView view(std::string_view tiff) { return ByteView(tiff, /*big_endian=*/tiff.starts_with("MM")); }

/// The value of an entry of the first directory that holds one 16-bit or 32-bit number; 0 where there is none.
uint64_t entry(const ByteView& bytes, uint64_t wanted) {
  constexpr uint64_t kShort = 3;
  constexpr uint64_t kEntrySize = 12;
  const uint64_t directory = bytes.u32(4);
  const uint64_t count = bytes.u16(directory);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = directory + 2 + i * kEntrySize;
    if (bytes.u16(at) == wanted) {
      return bytes.u16(at + 2) == kShort ? bytes.u16(at + 8) : bytes.u32(at + 8);
    }
  }
  return 0;
}

}  // namespace

PictureHeader read_tiff_header(std::string_view file) {
  const ByteView bytes = view(file);
  PictureHeader header;
  header.width = entry(bytes, kImageWidth);
  header.height = entry(bytes, kImageLength);
  header.complete = !bytes.ran_over();
  return header;  // OpenCV turns TIFF files itself: no orientation
}

int exif_orientation(std::string_view exif) {
  const uint64_t orientation = entry(view(exif), kOrientation);
  return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
}

}  // namespace legrad::image
