// Text towers against what their homes give (tests/oracle/make_text_towers.py).

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/npy.h>
#include <legrad/text_tower.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "support/message_of.h"
#include "support/test_device.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::message_of;

constexpr int64_t kLength = 9;
constexpr int64_t kVocabulary = 61;

/// The committed towers, or those of the folder that LEGRAD_TEXT_TOWERS names.
fs::path towers() {
  const char* elsewhere = std::getenv("LEGRAD_TEXT_TOWERS");
  return elsewhere ? fs::path(elsewhere) : fs::path(LEGRAD_TEST_DATA) / "text_towers";
}

fs::path folder_of(const std::string& name) { return towers() / name; }

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(towers())) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

TextTower load(const std::string& name, int64_t length = kLength) {
  const auto folder = folder_of(name);
  const auto file = fs::exists(folder / "model.pt2") ? folder / "model.pt2" : folder / "model.pt";
  return TextTower::load(file, length, {.device = testing::test_device()});
}

at::Tensor ids_of(const std::string& name) { return read_npy(folder_of(name) / "ids.npy"); }

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a.cpu() - b).abs().max() / b.abs().max()).item<double>();
}

class TextTowerTest : public ::testing::TestWithParam<std::string> {};

TEST_P(TextTowerTest, GivesWhatItsHomeGives) {
  const auto tower = load(GetParam());
  EXPECT_EQ(tower.length(), kLength);
  EXPECT_EQ(tower.vocabulary(), kVocabulary);
  const auto ids = ids_of(GetParam());
  const auto expected = read_npy(folder_of(GetParam()) / "embeddings.npy");
  EXPECT_EQ(tower.width(), expected.size(1));
  EXPECT_LT(difference(tower.encode(ids), expected), 1e-10);
  for (int64_t text = 0; text < ids.size(0); ++text) {
    EXPECT_LT(difference(tower.encode(ids.narrow(0, text, 1)), expected.narrow(0, text, 1)), 1e-10) << text;
  }
}

TEST_P(TextTowerTest, RunsInOtherPrecision) {
  const auto folder = folder_of(GetParam());
  const auto file = fs::exists(folder / "model.pt2") ? folder / "model.pt2" : folder / "model.pt";
  const auto tower = TextTower::load(file, kLength, {.device = testing::test_device(), .dtype = at::kFloat});
  EXPECT_EQ(tower.dtype(), at::kFloat);
  const auto made = tower.encode(ids_of(GetParam()));
  EXPECT_EQ(made.scalar_type(), at::kFloat);
  EXPECT_LT(difference(made.to(at::kDouble), read_npy(folder / "embeddings.npy")), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Homes, TextTowerTest, ::testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

TEST(TextTower, ThreadsShareOne) {
  const auto tower = load("open_clip_trace");
  const auto ids = ids_of("open_clip_trace");
  const auto expected = tower.encode(ids).cpu();
  std::vector<at::Tensor> made(4);
  std::vector<std::thread> threads;
  threads.reserve(made.size());
  for (auto& one : made) threads.emplace_back([&] { one = tower.encode(ids).cpu(); });
  for (auto& thread : threads) thread.join();
  for (const auto& one : made) EXPECT_TRUE(at::equal(one, expected));
}

TEST(TextTower, RefusesIdsThatAreNone) {
  const auto tower = load("open_clip_trace");
  const auto refusal = [&](const at::Tensor& ids) { return message_of<InputError>([&] { tower.encode(ids); }); };
  EXPECT_TRUE(contains(refusal(at::zeros({2, 8}, at::kLong)), "takes integers [K, 9]"));
  EXPECT_TRUE(contains(refusal(at::zeros({2, 9})), "takes integers"));
  EXPECT_TRUE(contains(refusal(at::zeros({0, 9}, at::kLong)), "takes integers"));
  EXPECT_TRUE(contains(refusal({}), "takes integers"));
  EXPECT_TRUE(contains(refusal(at::full({1, 9}, kVocabulary, at::kLong)), "vocabulary has 61 entries"));
  EXPECT_TRUE(contains(refusal(at::full({1, 9}, -1, at::kLong)), "an id of -1"));
}

TEST(TextTower, RefusesWhatIsNoTextTower) {
  const auto refusal = [](const fs::path& file) {
    return message_of<ModelError>([&] { TextTower::load(file, kLength); });
  };
  EXPECT_TRUE(contains(refusal(fs::path(LEGRAD_MODELS) / "emoji-vit" / "vision.ts"), "expected a text tower"));
  EXPECT_TRUE(contains(message_of<ModelError>([] { load("open_clip_trace", kLength + 1); }), "failed"));
  EXPECT_THROW(load("open_clip_trace", 0), InputError);
}

}  // namespace
}  // namespace legrad
