#include "image/byte_view.h"
#include "image/picture_header.h"

namespace legrad::image {
namespace {

bool is_frame(uint64_t marker) {  // SOF0 to SOF15 without DHT, JPG and DAC
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

bool stands_alone(uint64_t marker) { return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8); }

/// The first marker at or after `at` that is neither padding, nor a stuffed 0xff, nor a restart: its 0xff.
uint64_t next_marker(std::string_view file, uint64_t at) {
  while (at + 1 < file.size()) {
    at = file.find('\xff', at);
    if (at == std::string_view::npos || at + 1 >= file.size()) {
      break;
    }
    const auto marker = static_cast<unsigned char>(file[at + 1]);
    if (marker != 0x00 && marker != 0xff && !stands_alone(marker)) {
      return at;
    }
    ++at;
  }
  return file.size();
}

}  // namespace

PictureHeader read_jpeg_header(std::string_view file) {
  constexpr uint64_t kEndOfImage = 0xd9;
  constexpr uint64_t kApplication1 = 0xe1;
  constexpr std::string_view kExif("Exif\0\0", 6);
  const ByteView bytes(file);
  PictureHeader header;
  header.complete = false;

  // Segment by segment: a thumbnail inside one has its own markers.
  for (uint64_t at = next_marker(file, 2); at < file.size();) {
    const uint64_t marker = bytes.u8(at + 1);
    if (marker == kEndOfImage) {
      header.complete = header.width > 0;
      break;
    }
    const uint64_t length = bytes.u16(at + 2);  // counts itself
    const uint64_t content = at + 4;
    if (is_frame(marker) && header.width == 0) {
      header.height = bytes.u16(content + 1);
      header.width = bytes.u16(content + 3);
    }
    if (marker == kApplication1 && length > 8 && bytes.part(content, kExif.size()) == kExif) {
      header.orientation = exif_orientation(bytes.part(content + kExif.size(), length - 2 - kExif.size()));
    }
    at = next_marker(file, at + 2 + length);  // after a scan's head this passes over its data
  }
  return header;
}

}  // namespace legrad::image
