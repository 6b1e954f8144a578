// Prompts to embeddings, end to end from strings, against open_clip's own tokenizer and text tower
// (tests/oracle/make_words.py).

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <legrad/bundle.h>
#include <legrad/error.h>
#include <legrad/npy.h>
#include <legrad/text.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/temporary_folder.h"
#include "support/test_device.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::message_of;

const fs::path kWords = fs::path(LEGRAD_TEST_DATA) / "words";
const std::vector<std::string> kPrompts = {
    "a cat", "two yellow rockets at night", "  A  CAT ", "¿Dónde está?", "it&#39;s", ""};

TextEncoder load(const fs::path& folder) {
  return TextEncoder::load(Bundle::open(folder), {.device = testing::test_device()});
}

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

class TextEncoderTest : public ::testing::TestWithParam<const char*> {};

TEST_P(TextEncoderTest, GivesWhatItsHomeGives) {
  const auto words = load(kWords / GetParam());
  const auto embedded = words.encode(kPrompts);
  EXPECT_LT(difference(embedded.vectors, read_npy(kWords / "embeddings.npy")), 1e-10);
  EXPECT_EQ(embedded.cut_off, 0U);
  EXPECT_LT(difference(words.encode(kPrompts, words.manifest().templates).vectors, read_npy(kWords / "ensemble.npy")),
            1e-10);
  EXPECT_LT(difference(words.empty_prompt(), read_npy(kWords / "empty.npy")), 1e-10);
}

TEST_P(TextEncoderTest, ManyPromptsAreThoseOfOne) {
  const auto words = load(kWords / GetParam());
  const std::vector<std::string> many(130, "two yellow rockets at night");
  const auto embedded = words.encode(many).vectors;
  ASSERT_EQ(embedded.size(0), 130);
  EXPECT_LT(difference(embedded, words.encode({many[0]}).vectors.expand_as(embedded)), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Bundles, TextEncoderTest, ::testing::Values("split", "whole"));

TEST(TextEncoder, RunsInTheTypeAskedForElseTheManifests) {
  auto bundle = Bundle::open(kWords / "split");
  EXPECT_EQ(TextEncoder::load(bundle).tower().dtype(), at::kDouble) << "as its weights are";
  bundle.dtype = at::kFloat;
  EXPECT_EQ(TextEncoder::load(bundle).tower().dtype(), at::kFloat);
  EXPECT_EQ(TextEncoder::load(bundle, {.dtype = at::kDouble}).tower().dtype(), at::kDouble);
}

TEST(TextEncoder, CountsWhatWasCutOff) {
  const auto words = load(kWords / "split");
  std::string lengthy;
  for (int i = 0; i < 40; ++i) lengthy += "a ";
  const auto embedded = words.encode({lengthy, "a cat"});
  EXPECT_EQ(embedded.cut_off, 1U);
  EXPECT_EQ(embedded.most_dropped, 26U);  // 16 have room, with the first and the last
}

TEST(TextEncoder, RefusesWhatIsNoPrompt) {
  const auto words = load(kWords / "split");
  EXPECT_TRUE(contains(message_of<InputError>([&] { words.encode({}); }), "no prompt"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { words.encode({"a"}, {"a photo"}); }), "has no place"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { words.encode({"\xff"}); }), "UTF-8"));
  std::string lengthy;
  lengthy.resize(10'000'000, 'a');
  EXPECT_TRUE(contains(message_of<InputError>([&] { words.encode({lengthy}); }), "at most"));
}

TEST(TextEncoder, IsHeldAgainstTheEmbeddingsOfItsHome) {
  const testing::TemporaryFolder folder;
  fs::copy(kWords / "split", folder.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  std::ifstream file(folder / "manifest.json");
  auto manifest = nlohmann::json::parse(file);
  EXPECT_TRUE(contains(message_of<InputError>([&] { (void)load(folder.path()).verify(); }), "nothing to hold"));

  const auto home = read_npy(kWords / "embeddings.npy");  // of kPrompts, by open_clip
  auto& check = manifest["text"]["checks"][0];
  ASSERT_EQ(check["prompt"], kPrompts[0]);
  for (int64_t i = 0; i < home.size(1); ++i) check["embedding"].push_back(home[0][i].item<double>());
  folder.write("manifest.json", manifest.dump());
  const auto verified = load(folder.path()).verify();
  EXPECT_GT(verified.difference, 0) << "the home's numbers are of float32";
  EXPECT_LT(verified.difference, 1e-5);

  check["embedding"][0] = 0.5;
  folder.write("manifest.json", manifest.dump());
  EXPECT_TRUE(contains(message_of<ModelError>([&] { (void)load(folder.path()).verify(); }), "'a cat' is off by"));
}

TEST(TextEncoder, RefusesBundlesWithoutWords) {
  EXPECT_TRUE(contains(message_of<ModelError>([] { load(fs::path(LEGRAD_MODELS) / "emoji-vit"); }), "takes no words"));
  EXPECT_TRUE(contains(message_of<ModelError>([] { load(kWords / "split" / "vision.pt"); }), "no tokenizer"));

  // A vision file alone where the manifest says that it takes words too; a tower whose table is smaller.
  const testing::TemporaryFolder folder;
  fs::copy(kWords / "split", folder.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  fs::copy_file(kWords / "split" / "vision.pt", folder / "text.pt", fs::copy_options::overwrite_existing);
  EXPECT_TRUE(contains(message_of<ModelError>([&] { load(folder.path()); }), "expected a text tower"));
  fs::copy_file(fs::path(LEGRAD_TEST_DATA) / "text_towers" / "open_clip_trace" / "model.pt", folder / "text.pt",
                fs::copy_options::overwrite_existing);
  EXPECT_NE(message_of<ModelError>([&] { load(folder.path()); }), "");
}

}  // namespace
}  // namespace legrad
