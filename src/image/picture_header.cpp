#include "image/picture_header.h"

#include <cctype>
#include <string>

#include "image/byte_view.h"

namespace legrad::image {

std::optional<PictureHeader> read_picture_header(std::string_view file) {
  using namespace std::string_view_literals;
  if (file.starts_with("\x89PNG\r\n\x1a\n"sv)) {
    return read_png_header(file);
  }
  if (file.starts_with("\xff\xd8\xff"sv)) {
    return read_jpeg_header(file);
  }
  if (file.starts_with("RIFF"sv) && file.substr(0, 12).ends_with("WEBP"sv)) {
    return read_webp_header(file);
  }
  if (file.starts_with("BM"sv)) {
    return read_bmp_header(file);
  }
  if (file.starts_with("II*\0"sv) || file.starts_with("MM\0*"sv)) {
    return read_tiff_header(file);
  }
  if (file.size() > 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6') {
    return read_pnm_header(file);
  }
  return std::nullopt;
}

PictureHeader read_bmp_header(std::string_view file) {
  const ByteView bytes(file, /*big_endian=*/false);
  PictureHeader header;
  if (bytes.u32(14) == 12) {  // the form of OS/2
    header.width = bytes.u16(18);
    header.height = bytes.u16(20);
  } else {
    const auto height = static_cast<int32_t>(bytes.u32(22));  // negative: first row on top
    header.width = bytes.u32(18);
    header.height = static_cast<uint64_t>(height < 0 ? -static_cast<int64_t>(height) : height);
  }
  header.complete = !bytes.ran_over();
  return header;
}

PictureHeader read_pnm_header(std::string_view file) {
  size_t at = 2;
  const auto next_number = [&] {
    while (at < file.size() && (std::isspace(static_cast<unsigned char>(file[at])) != 0 || file[at] == '#')) {
      at = file[at] == '#' ? file.find('\n', at) : at + 1;
    }
    constexpr uint64_t kLarge = uint64_t{1} << 40;
    uint64_t value = 0;
    for (; at < file.size() && file[at] >= '0' && file[at] <= '9' && value < kLarge; ++at) {
      value = value * 10 + static_cast<uint64_t>(file[at] - '0');
    }
    return value;
  };
  PictureHeader header;
  header.width = next_number();
  header.height = next_number();
  header.complete = at < file.size();
  return header;
}

}  // namespace legrad::image
