// Which tokens of a text matter, against the definitions on stock text towers (tests/oracle/words.py).

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/methods/words_grad_eclip.h>
#include <legrad/methods/words_legrad.h>
#include <legrad/npy.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/test_device.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::message_of;

constexpr int64_t kLength = 9;

/// The committed towers, or those of the folder that LEGRAD_TEXT_TOWERS names.
fs::path towers() {
  const char* elsewhere = std::getenv("LEGRAD_TEXT_TOWERS");
  return elsewhere ? fs::path(elsewhere) : fs::path(LEGRAD_TEST_DATA) / "text_towers";
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(towers())) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

TextTower load(const std::string& name, LoadOptions options = {}) {
  const auto folder = towers() / name;
  options.device = testing::test_device();
  return TextTower::load(fs::exists(folder / "model.pt2") ? folder / "model.pt2" : folder / "model.pt", kLength,
                         options);
}

at::Tensor array(const std::string& name, const std::string& file) {
  return read_npy(towers() / name / (file + ".npy"));
}

double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return INFINITY;
  return ((found.cpu().to(at::kDouble) - expected).abs().max() / expected.abs().max()).item<double>();
}

class WordsTest : public ::testing::TestWithParam<std::string> {};

TEST_P(WordsTest, AreTheirDefinitions) {
  const auto tower = load(GetParam());
  const auto ids = array(GetParam(), "ids"), images = array(GetParam(), "images");
  EXPECT_LT(difference(words_legrad(tower, ids, images), array(GetParam(), "words_legrad")), 1e-9);
  EXPECT_LT(difference(words_grad_eclip(tower, ids, images), array(GetParam(), "words_grad_eclip_model")), 1e-9);
  EXPECT_LT(difference(words_grad_eclip(tower, ids, images, {.heads = GradEclipHeads::kOne}),
                       array(GetParam(), "words_grad_eclip_one")),
            1e-9);
}

TEST_P(WordsTest, OfATextAreThoseOfItAlone) {
  const auto tower = load(GetParam());
  const auto ids = array(GetParam(), "ids"), images = array(GetParam(), "images");
  const auto expected = array(GetParam(), "words_legrad");
  EXPECT_LT(difference(words_legrad(tower, ids.narrow(0, 2, 1), images.narrow(0, 2, 1)), expected.narrow(0, 2, 1)),
            1e-9);
}

TEST_P(WordsTest, AreNearInFloat) {
  const auto tower = load(GetParam(), {.dtype = at::kFloat});
  const auto found = words_legrad(tower, array(GetParam(), "ids"), array(GetParam(), "images"));
  EXPECT_EQ(found.scalar_type(), at::kFloat);
  EXPECT_LT(difference(found, array(GetParam(), "words_legrad")), 1e-4);
}

TEST_P(WordsTest, ScoresAndTheTokenReadAreTheTowers) {
  const auto tower = load(GetParam());
  const auto ids = array(GetParam(), "ids"), images = array(GetParam(), "images");
  const auto embeddings = array(GetParam(), "embeddings");
  const auto expected = (embeddings * images).sum(1) / (embeddings.norm(2, 1) * images.norm(2, 1));
  for (const auto score : {TextScore::kFinal, TextScore::kByBlock}) {
    const auto seen = tower.gradients(ids, images, score);
    EXPECT_LT(difference(seen.scores, expected), 1e-6) << "a home may take its softmax in float32";
    EXPECT_TRUE(seen.read.sum(1).eq(1).all().item<bool>());
    EXPECT_EQ(seen.blocks.size(), 2U);
  }
}

INSTANTIATE_TEST_SUITE_P(Homes, WordsTest, ::testing::ValuesIn(names()), [](const auto& info) { return info.param; });

TEST(Words, AreTheMeanOverTheBlocksChosen) {
  const auto tower = load("open_clip_trace");
  const auto ids = array("open_clip_trace", "ids"), images = array("open_clip_trace", "images");
  const auto first = words_legrad(tower, ids, images, {.layers = {0}});
  const auto last = words_legrad(tower, ids, images, {.layers = {-1}});
  EXPECT_FALSE(at::allclose(first, last));
  EXPECT_LT(difference(((first + last) / 2).cpu(), array("open_clip_trace", "words_legrad")), 1e-9);
}

TEST(Words, OneImageServesAllTexts) {
  const auto tower = load("open_clip_trace");
  const auto ids = array("open_clip_trace", "ids"), image = array("open_clip_trace", "images").narrow(0, 0, 1);
  EXPECT_LT(difference(words_legrad(tower, ids, image), words_legrad(tower, ids, image.expand({4, -1})).cpu()), 1e-12);
}

TEST(Words, RefuseWhatDoesNotFit) {
  const auto tower = load("open_clip_trace");
  const auto ids = array("open_clip_trace", "ids");
  const auto refusal = [&](const at::Tensor& texts, const at::Tensor& images, std::vector<int64_t> layers = {}) {
    return message_of<InputError>([&] { words_legrad(tower, texts, images, {.layers = std::move(layers)}); });
  };
  EXPECT_TRUE(contains(refusal(ids, at::ones({1, 5})), "expected [1, 12]"));
  EXPECT_TRUE(contains(refusal(ids, at::ones({3, 12})), "for 4 texts"));
  EXPECT_TRUE(contains(refusal(ids, {}), "expected [1, 12]"));
  EXPECT_TRUE(contains(refusal(ids.narrow(1, 0, 4), at::ones({1, 12})), "takes integers"));
  EXPECT_TRUE(contains(refusal(ids, at::ones({1, 12}), {2}), "no block 2"));
}

}  // namespace
}  // namespace legrad
