#include "eval/data/png_samples.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/npy.h>
#include <sys/resource.h>
#include <zlib.h>

#include <filesystem>
#include <string>

#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad::eval::data {
namespace {

using testing::contains;
using testing::message_of;

const std::filesystem::path kFiles = LEGRAD_TEST_DATA "/eval/png";  // by tests/oracle/make_png_samples.py

TEST(PngSamples, AreThoseThatPillowReads) {
  for (const std::string name : {"grey8", "palette1", "palette2", "palette4", "palette8", "rgb8", "rgba8"}) {
    const PngSamples png = read_png_samples(kFiles / (name + ".png"));
    EXPECT_TRUE(at::equal(png.samples, read_npy(kFiles / (name + ".npy")))) << name;
    EXPECT_EQ(png.indexed, name.starts_with("palette")) << name;
  }
}

TEST(PngSamples, RefusesEveryCutAndEveryChangedByte) {
  const testing::TemporaryFolder folder;
  const std::string whole = testing::file_bytes(kFiles / "palette4.png");
  const auto refused = [&](const std::string& bytes) {
    const auto file = folder.write("mask.png", bytes);
    return message_of<InputError>([&] { read_png_samples(file); });
  };
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_TRUE(contains(refused(whole.substr(0, size)), "mask"));
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    EXPECT_TRUE(contains(refused(changed), "mask.png")) << at;
  }
}

TEST(PngSamples, SaysWhatItDoesNotRead) {
  const testing::TemporaryFolder folder;
  const auto file = folder.write("a.png", "GIF89a");
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_png_samples(file); }), "it is no PNG file"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_png_samples(folder / "b.png"); }), "b.png"));
}

std::string u32(size_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 0xffU);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& content) {
  const std::string checked = type + content;
  return u32(content.size()) + checked +
         u32(crc32_z(0, reinterpret_cast<const Bytef*>(checked.data()), checked.size()));
}

/// A PNG of 8 bits whose header says a size and a type of colours, and whose pixels are packed zeros.
std::string png_of_zeros(size_t side, char colours, size_t bytes) {
  const std::string zeros(bytes, '\0');
  std::string packed(compressBound(bytes), '\0');
  uLongf size = packed.size();
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(zeros.data()), bytes, 9);
  const std::string header = u32(side) + u32(side) + std::string{8, colours, 0, 0, 0};
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("IDAT", packed.substr(0, size)) + chunk("IEND", "");
}

TEST(PngSamples, TakesNoMemoryForPixelsThatItsBytesCannotHold) {
  const auto most_memory = [] {  // kB
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const testing::TemporaryFolder folder;
  constexpr size_t kSide = 3000;  // as small as deflate makes them
  const auto large = folder.write("large.png", png_of_zeros(kSide, 0, kSide * (kSide + 1)));
  EXPECT_EQ(read_png_samples(large).samples.numel(), kSide * kSide);
  const auto file = folder.write("small.png", png_of_zeros(11'000, 6, 1000));
  const auto before = most_memory();
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_png_samples(file); }), "small.png"));
  EXPECT_LT(most_memory() - before, 100'000);
}

}  // namespace
}  // namespace legrad::eval::data
