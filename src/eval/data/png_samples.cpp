#include "eval/data/png_samples.h"

#include <ATen/ops/empty.h>
#include <legrad/error.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/data/json_file.h"
#include "io/read_file.h"

namespace legrad::eval::data {
namespace {

constexpr uint64_t kMaxPng = uint64_t{1} << 29;
constexpr uint64_t kMaxPixels = uint64_t{1} << 27;

[[noreturn]] void fail_damaged() { throw InputError("the file is damaged, or ends too early"); }

uint32_t u32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

struct Header {
  size_t height = 0;
  size_t width = 0;
  unsigned depth = 8;     ///< bits of a sample
  unsigned channels = 1;  ///< samples of a pixel
  bool indexed = false;

  size_t row_bytes() const { return (width * channels * depth + 7) / 8; }
  size_t pixel_bytes() const { return std::max<size_t>(1, channels * depth / 8); }
};

Header header_in(std::string_view chunk) {
  constexpr size_t kSize = 13;
  if (chunk.size() != kSize) fail_damaged();
  const unsigned depth = static_cast<unsigned char>(chunk[8]);
  const unsigned colour_type = static_cast<unsigned char>(chunk[9]);
  const bool interlaced = chunk[12] != 0;
  constexpr unsigned kGrey = 0, kRgb = 2, kPalette = 3, kRgba = 6;
  const bool one_channel = colour_type == kGrey || colour_type == kPalette;
  const bool many_channels = colour_type == kRgb || colour_type == kRgba;
  const bool known =
      (one_channel && (depth == 1 || depth == 2 || depth == 4 || depth == 8)) || (many_channels && depth == 8);
  if (!known || interlaced) {
    throw InputError(
        "it must be grey, RGB, RGBA or with a palette, with at most 8 bits and not interlaced; convert it");
  }
  const Header header = {.height = u32(chunk, 4),
                         .width = u32(chunk, 0),
                         .depth = depth,
                         .channels = one_channel           ? 1U
                                     : colour_type == kRgb ? 3U
                                                           : 4U,
                         .indexed = colour_type == kPalette};
  if (header.height == 0 || header.width == 0 || header.width > kMaxPixels ||
      header.height * header.width > kMaxPixels) {
    throw InputError("it has no pixels, or more than " + std::to_string(kMaxPixels));
  }
  return header;
}

/// The inside of zlib's stream, which must be as long as the header says.
std::vector<uint8_t> inflated(const std::string& packed, size_t size) {
  constexpr size_t kMostPerByte = 1032;  // what deflate can make of a byte: no memory for a header that says more
  if (size / kMostPerByte > packed.size()) fail_damaged();
  std::vector<uint8_t> bytes(size);
  uLongf length = size;
  const int result = uncompress(bytes.data(), &length, reinterpret_cast<const Bytef*>(packed.data()), packed.size());
  if (result != Z_OK || length != size) fail_damaged();
  return bytes;
}

/// PNG's fifth filter: whichever of left, up and upper left is nearest to left + up - upper left.
int paeth(int left, int up, int upper_left) {
  const int guess = left + up - upper_left;
  const int by_left = std::abs(guess - left);
  const int by_up = std::abs(guess - up);
  const int by_upper_left = std::abs(guess - upper_left);
  if (by_left <= by_up && by_left <= by_upper_left) return left;
  return by_up <= by_upper_left ? up : upper_left;
}

/// Undoes the filter of a row in place; `above` is the row before, already undone, or zeros.
void unfilter(int filter, uint8_t* row, const uint8_t* above, size_t size, size_t step) {
  for (size_t i = 0; i < size; ++i) {
    const int left = i < step ? 0 : row[i - step];
    const int up = above[i];
    const int upper_left = i < step ? 0 : above[i - step];
    int guess = 0;
    switch (filter) {
      case 0:
        break;
      case 1:
        guess = left;
        break;
      case 2:
        guess = up;
        break;
      case 3:
        guess = (left + up) / 2;
        break;
      case 4:
        guess = paeth(left, up, upper_left);
        break;
      default:
        fail_damaged();
    }
    row[i] = static_cast<uint8_t>(row[i] + guess);
  }
}

/// Takes samples of fewer than 8 bits, the first in the highest bits, out of a row's bytes.
void unpack(const uint8_t* row, const Header& header, uint8_t* samples) {
  const size_t count = header.width * header.channels;
  for (size_t i = 0; i < count; ++i) {
    const size_t bit = i * header.depth;
    const unsigned shift = 8 - header.depth - static_cast<unsigned>(bit % 8);
    samples[i] = static_cast<uint8_t>(row[bit / 8] >> shift & ((1U << header.depth) - 1));
  }
}

PngSamples decoded(std::string_view file) {
  using namespace std::string_view_literals;
  constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n"sv;
  constexpr size_t kAround = 12;  // length and type before a chunk, checksum behind it
  if (!file.starts_with(kSignature)) throw InputError("it is no PNG file");
  std::optional<Header> header;
  std::string packed;
  bool ended = false;
  for (size_t at = kSignature.size(); !ended;) {
    if (file.size() - at < kAround || file.size() - at - kAround < u32(file, at)) fail_damaged();
    const size_t length = u32(file, at);
    const std::string_view type = file.substr(at + 4, 4);
    const std::string_view chunk = file.substr(at + 8, length);
    const auto* const checked = reinterpret_cast<const Bytef*>(type.data());
    if (crc32_z(0, checked, 4 + length) != u32(file, at + 8 + length)) fail_damaged();
    if (type == "IHDR") header = header_in(chunk);
    if (type == "IDAT") packed += chunk;
    ended = type == "IEND";
    at += kAround + length;
  }
  if (!header) fail_damaged();

  // Each row has the number of its filter before it.
  const size_t row_bytes = header->row_bytes();
  std::vector<uint8_t> rows = inflated(packed, header->height * (1 + row_bytes));
  const std::vector<uint8_t> zeros(row_bytes, 0);
  PngSamples png = {
      .samples = at::empty(
          {static_cast<int64_t>(header->height), static_cast<int64_t>(header->width), header->channels}, at::kByte),
      .indexed = header->indexed};
  const uint8_t* above = zeros.data();
  for (size_t y = 0; y < header->height; ++y) {
    uint8_t* const row = rows.data() + y * (1 + row_bytes) + 1;
    unfilter(row[-1], row, above, row_bytes, header->pixel_bytes());
    unpack(row, *header, png.samples.data_ptr<uint8_t>() + y * header->width * header->channels);
    above = row;
  }
  return png;
}

}  // namespace

PngSamples read_png_samples(const std::filesystem::path& file) {
  const std::string bytes = io::read_file(file, kMaxPng, "mask");
  return told_with("mask '" + file.string() + "'", [&] { return decoded(bytes); });
}

}  // namespace legrad::eval::data
