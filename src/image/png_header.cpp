#include "image/byte_view.h"
#include "image/picture_header.h"

namespace legrad::image {

PictureHeader read_png_header(std::string_view file) {
  constexpr uint64_t kSignature = 8;
  constexpr uint64_t kAround = 12;  // length, type and checksum of a chunk
  const ByteView bytes(file);
  PictureHeader header;
  header.complete = false;
  if (bytes.part(kSignature + 4, 4) != "IHDR") {
    return header;
  }
  header.width = bytes.u32(kSignature + 8);
  header.height = bytes.u32(kSignature + 12);

  for (uint64_t chunk = kSignature; chunk + kAround <= bytes.size();) {
    const uint64_t length = bytes.u32(chunk);
    const std::string_view type = bytes.part(chunk + 4, 4);
    if (type == "eXIf") {
      header.orientation = exif_orientation(bytes.part(chunk + 8, length));
    }
    if (type == "IEND") {
      header.complete = true;
      break;
    }
    chunk += kAround + length;
  }
  return header;
}

}  // namespace legrad::image
