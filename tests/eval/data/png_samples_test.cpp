#include "eval/data/png_samples.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/npy.h>

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

}  // namespace
}  // namespace legrad::eval::data
