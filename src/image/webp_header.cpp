#include "image/byte_view.h"
#include "image/picture_header.h"

namespace legrad::image {
namespace {

/// Reads the size from the chunk with the picture, or with the canvas where that comes first.
void read_size(const ByteView& bytes, std::string_view type, uint64_t content, PictureHeader& header) {
  if (header.width != 0) {
    return;
  }
  if (type == "VP8 ") {
    header.width = bytes.u16(content + 6) & 0x3fff;
    header.height = bytes.u16(content + 8) & 0x3fff;
  } else if (type == "VP8L") {
    const uint64_t packed = bytes.u32(content + 1);
    header.width = 1 + (packed & 0x3fff);
    header.height = 1 + (packed >> 14 & 0x3fff);
  } else if (type == "VP8X") {
    header.width = 1 + bytes.number(content + 4, 3);
    header.height = 1 + bytes.number(content + 7, 3);
  }
}

}  // namespace

PictureHeader read_webp_header(std::string_view file) {
  const ByteView bytes(file, /*big_endian=*/false);
  PictureHeader header;
  for (uint64_t chunk = 12; chunk + 8 <= bytes.size();) {
    const std::string_view type = bytes.part(chunk, 4);
    const uint64_t length = bytes.u32(chunk + 4);
    read_size(bytes, type, chunk + 8, header);
    if (type == "EXIF") {
      header.orientation = exif_orientation(bytes.part(chunk + 8, length));
    }
    chunk += 8 + length + length % 2;
  }
  header.complete = bytes.size() >= 8 + bytes.u32(4) && !bytes.ran_over();
  return header;
}

}  // namespace legrad::image
