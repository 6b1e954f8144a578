// What an evaluation reads of others' data sets. The first byte says which: 'c' COCO's instances.json, 'o' the CSV
// files of Open Images, 'f' the JSON files of FunnyBirds (two files each, a zero byte between them), 'p' a mask as PNG,
// 'r' the header and the rows of such a mask, which are packed here: a fuzzer seldom guesses a checksum.

#include <ATen/core/Tensor.h>
#include <legrad/eval/data_set.h>
#include <legrad/eval/parts.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

#include "eval/data/png_samples.h"
#include "fuzz/reading.h"
#include "fuzz/targets.h"
#include "support/temporary_folder.h"

namespace legrad::fuzz {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

// A picture is told by its bytes, whatever its file is called: this is a PNM.
constexpr int64_t kHeight = 4;
constexpr int64_t kWidth = 3;
std::string picture_bytes() { return "P6 3 4 255\n" + std::string(3 * kHeight * kWidth, '\xff'); }

std::pair<std::string_view, std::string_view> two_files(std::string_view input) {
  const auto end = input.find('\0');
  if (end == std::string_view::npos) return {input, {}};
  return {input.substr(0, end), input.substr(end + 1)};
}

void check_mask(const at::Tensor& mask) {
  const bool fits = mask.dim() == 2 && mask.size(0) == kHeight && mask.size(1) == kWidth;
  if (!fits || mask.scalar_type() != at::kBool) throw std::logic_error("a mask of another shape or type");
}

void check(const eval::Sample& sample, const eval::DataSet& data) {
  const auto is_class = [&](const std::string& name) {
    return std::ranges::find(data.classes(), name) != data.classes().end();
  };
  if (!std::ranges::all_of(sample.labels, is_class)) throw std::logic_error("a label that is no class of the data");
  for (const eval::Region& region : sample.regions) {
    if (!is_class(region.name)) throw std::logic_error("a region of no class of the data");
    if (region.mask.defined()) check_mask(region.mask);
    for (const auto* places : {&region.yes, &region.no}) {
      for (const eval::Point& place : *places) {
        const bool inside = place.x >= 0 && place.x <= 1 && place.y >= 0 && place.y <= 1;
        if (!inside) throw std::logic_error("a place outside of the picture");
      }
    }
  }
  if (!sample.parts) return;
  for (const at::Tensor& mask : sample.parts->masks.unbind()) check_mask(mask);
}

/// Each picture is read or refused, and what is wrong with one does not keep the data set from its end.
void read_all(const fs::path& folder, const char* format) {
  refused_or_read([&] {
    const auto data = eval::open_data_set(folder, format);
    for (bool more = true; more;) {
      refused_or_read([&] {
        const auto sample = data->next();
        more = sample.has_value();
        if (sample) check(*sample, *data);
      });
    }
  });
}

struct CocoFolder : TemporaryFolder {
  CocoFolder() { write("a.png", picture_bytes()); }
};

struct OpenImagesFolder : TemporaryFolder {
  OpenImagesFolder() {
    fs::create_directory(path() / "images");
    for (const char* name : {"0000000000000001.jpg", "00000000000000aa.jpg"}) write(std::string("images/") + name, "");
  }
};

/// With two birds, of which one has a folder of interventions.
struct FunnyBirdsFolder : TemporaryFolder {
  FunnyBirdsFolder() {
    fs::create_directories(path() / "test_interventions/0/000000");
    for (const std::string kind : {"test", "test_part_map"}) {
      fs::create_directories(path() / kind / "0");
      for (const char* bird : {"/0/000000.png", "/0/000001.png"}) write(kind + bird, picture_bytes());
    }
  }
};

void coco(std::string_view input) {
  static const CocoFolder folder;
  folder.write("instances.json", input);
  read_all(folder.path(), "coco");
}

void open_images(std::string_view input) {
  static const OpenImagesFolder folder;
  const auto [points, descriptions] = two_files(input);
  folder.write("a-point-labels.csv", points);
  folder.write("a-class-descriptions.csv", descriptions);
  read_all(folder.path(), "openimages");
}

void funny_birds(std::string_view input) {
  static const FunnyBirdsFolder folder;
  const auto [classes, scenes] = two_files(input);
  folder.write("classes.json", classes);
  folder.write("dataset_test.json", scenes);
  read_all(folder.path(), "funnybirds");
}

void png(std::string_view bytes) {
  const MemoryFile file(bytes);
  refused_or_read([&] {
    const at::Tensor samples = eval::data::read_png_samples(file.path()).samples;
    if (samples.dim() != 3 || samples.numel() == 0) throw std::logic_error("samples of another shape");
  });
}

std::string u32(size_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xffU);
  return bytes;
}

std::string chunk(const std::string& type, std::string_view content) {
  const std::string checked = type + std::string(content);
  const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(checked.data()), checked.size());
  return u32(content.size()) + checked + u32(sum);
}

/// A PNG with the header that the input begins with, and what is behind it as rows.
std::string packed_png(std::string_view input) {
  constexpr size_t kHeader = 13;
  const std::string_view rows = input.substr(std::min(kHeader, input.size()));
  std::string packed(compressBound(rows.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(rows.data()), rows.size());
  packed.resize(size);
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", input.substr(0, kHeader)) + chunk("IDAT", packed) + chunk("IEND", "");
}

}  // namespace

void data(std::string_view input) {
  if (input.empty()) return;
  const std::string_view rest = input.substr(1);
  switch (input.front()) {
    case 'c':
      return coco(rest);
    case 'o':
      return open_images(rest);
    case 'f':
      return funny_birds(rest);
    case 'p':
      return png(rest);
    case 'r':
      return png(packed_png(rest));
    default:
      return;
  }
}

}  // namespace legrad::fuzz
