#include "apps/pictures.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/image.h>

#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad::apps {
namespace {

using testing::contains;
using testing::message_of;

class PicturesTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, int64_t value) const {
    write_image(folder_ / name, at::full({40, 60, 3}, value).to(at::kByte));
    return (folder_ / name).string();
  }

  /// Whole by its header, but with damaged pixels.
  std::string write_damaged(const std::string& name) const {
    write_image(folder_ / name, at::randint(0, 256, {40, 60, 3}, at::kByte));
    std::string bytes = testing::file_bytes(folder_ / name);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
    return folder_.write(name, bytes).string();
  }

  /// The names and first bytes of the pictures that were used.
  std::vector<std::pair<std::string, int64_t>> used(Pictures& pictures) const {
    std::vector<std::pair<std::string, int64_t>> seen;
    pictures.each([&](const std::string& file, const at::Tensor& picture) {
      seen.emplace_back(std::filesystem::path(file).filename().string(), picture[0][0][0].item<int64_t>());
      EXPECT_EQ(picture.sizes(), at::IntArrayRef({40, 60, 3}));
    });
    return seen;
  }

  testing::TemporaryFolder folder_;
};

constexpr uint64_t kTwo = 2 * 40 * 60 * 3;

TEST_F(PicturesTest, AreHandedOutInTheirOrder) {
  const std::vector<std::string> files = {write("b.png", 7), write("a.png", 9)};
  const std::vector<std::pair<std::string, int64_t>> expected = {{"b.png", 7}, {"a.png", 9}};
  for (const uint64_t kept : {kTwo, kTwo - 1}) {
    Pictures pictures(files, kept);
    EXPECT_EQ(used(pictures), expected);
    pictures.check_all_were_used();
  }
}

TEST_F(PicturesTest, AreReadBeforeAnythingIsDoneIfThereIsRoom) {
  Pictures pictures({write("good.png", 7), write_damaged("bad.png")}, kTwo);
  int uses = 0;
  const auto message = message_of<InputError>([&] { pictures.each([&](const auto&, const auto&) { ++uses; }); });
  EXPECT_TRUE(contains(message, "bad.png"));
  EXPECT_EQ(uses, 0);
}

TEST_F(PicturesTest, AreLeftOutIfTheyTurnOutDamagedLater) {
  Pictures pictures({write("a.png", 7), write_damaged("bad.png"), write("c.png", 9)}, kTwo);
  EXPECT_EQ(used(pictures), (std::vector<std::pair<std::string, int64_t>>{{"a.png", 7}, {"c.png", 9}}));
  const auto message = message_of<InputError>([&] { pictures.check_all_were_used(); });
  EXPECT_TRUE(contains(message, "1 of 3 pictures left out"));
  EXPECT_TRUE(contains(message, "bad.png"));
  EXPECT_TRUE(contains(message, "the others were explained"));
}

TEST_F(PicturesTest, AreRefusedAtOnceIfNoneCanBeRead) {
  Pictures pictures({write_damaged("bad.png")}, 0);
  EXPECT_TRUE(contains(message_of<InputError>([&] { used(pictures); }), "bad.png"));
}

TEST_F(PicturesTest, AreRefusedByTheirHeadersBeforeAnyIsDecoded) {
  const std::string good = write("good.png", 7);
  const std::string bytes = testing::file_bytes(good);
  const std::string cut = folder_.write("cut.png", bytes.substr(0, bytes.size() / 2)).string();
  EXPECT_TRUE(contains(message_of<InputError>([&] { Pictures({good, cut}, 0); }), "ends too early"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { Pictures({good, good + "x"}, 0); }), "no such file"));
}

// An error of what is done with a picture is not a picture that cannot be read.
TEST_F(PicturesTest, LetErrorsOfTheirUsePass) {
  Pictures pictures({write("a.png", 7), write("b.png", 7)}, 0);
  EXPECT_TRUE(contains(message_of<InputError>(
                           [&] { pictures.each([](const auto&, const auto&) { throw InputError("does not fit"); }); }),
                       "does not fit"));
}

}  // namespace
}  // namespace legrad::apps
