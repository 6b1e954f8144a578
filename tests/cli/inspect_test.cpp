#include <nlohmann/json.hpp>

#include "support/legrad_program.h"

namespace legrad {
namespace {

using testing::contains;

class Inspect : public testing::LegradProgram {};

TEST_F(Inspect, SaysWhatWasFound) {
  const Structure& structure = vit().structure();
  const std::string text = succeeds({"inspect", "--model", kModel}).out;
  EXPECT_TRUE(contains(text, bundle().name));
  EXPECT_TRUE(contains(
      text, std::to_string(structure.image->grid.rows) + " x " + std::to_string(structure.image->grid.columns)));

  const nlohmann::json json = nlohmann::json::parse(succeeds({"inspect", "--json", "--model", kModel}).out);
  EXPECT_EQ(json["blocks"], structure.blocks);
  EXPECT_EQ(json["heads"], structure.heads);
  EXPECT_EQ(json["width"], structure.width);
  EXPECT_EQ(json["tokens"], structure.tokens);
  EXPECT_EQ(json["prefix_tokens"], structure.image->prefix_tokens);
  EXPECT_EQ(json["grid"]["rows"], structure.image->grid.rows);
  EXPECT_EQ(json["input"]["height"], structure.image->size.height);
  EXPECT_EQ(json["size_guessed"], false);  // the manifest says it
  EXPECT_EQ(json["readout"], to_string(structure.readout));
  EXPECT_EQ(json["readout_rows"], structure.readout_rows);
  EXPECT_EQ(json["attention"].size(), static_cast<size_t>(structure.blocks));
  EXPECT_EQ(json["rows_restricted"], vit().plan().rows_restricted);
  EXPECT_EQ(json["parameters"], structure.parameters);
  EXPECT_EQ(json["dtype"], "float32");
  EXPECT_EQ(json["labels"].size(), bundle().labels.size());
}

TEST_F(Inspect, SaysThatTheSizeOfTheImagesIsAGuess) {
  const std::string file = bundle().vision.string();
  const auto guessed = runs({"inspect", "--model", file});
  EXPECT_EQ(guessed.code, 0);
  EXPECT_TRUE(contains(guessed.out, "guessed"));
  EXPECT_TRUE(contains(guessed.err, "--size"));
  EXPECT_EQ(std::ranges::count(guessed.err, '\n'), 1) << guessed.err;
  succeeds({"inspect", "--model", file, "--size", "112x112"});
}

TEST_F(Inspect, SaysWhatInt8WeightsChange) {
  const std::string model = LEGRAD_TEST_DATA "/fixtures/timm_cls_int8/model.pt";
  EXPECT_TRUE(
      contains(succeeds({"inspect", "--size", "16x16", "--model", model}).out, "13 linear layers of int8 weights"));
  const auto json = nlohmann::json::parse(succeeds({"inspect", "--json", "--size", "16x16", "--model", model}).out);
  EXPECT_EQ(json["quantised"]["layers"], 13);
  EXPECT_GT(json["quantised"]["difference"], 1e-4);
  EXPECT_TRUE(nlohmann::json::parse(succeeds({"inspect", "--json", "--model", kModel}).out)["quantised"].is_null());
}

// It needs no target, as explaining one does.
TEST_F(Inspect, TakesAnEmbeddingModel) {
  const std::string model = LEGRAD_TEST_DATA "/fixtures/open_clip_normalised/model.pt";
  EXPECT_TRUE(contains(succeeds({"inspect", "--size", "16x16", "--model", model}).out, "numbers of an embedding"));
}

TEST_F(Inspect, ReplaysWhatTheModelGaveAtItsHome) {
  for (const std::string model : {"/emoji-vit", "/emoji-clip", "/emoji-siglip"}) {
    const auto said = succeeds({"inspect", "--model", LEGRAD_MODELS + model, "--verify"}).out;
    EXPECT_TRUE(contains(said, "image    the output")) << said;
    if (model == "/emoji-vit") continue;
    EXPECT_TRUE(contains(said, "prompts  20 of 20")) << said;
    EXPECT_TRUE(contains(said, "words    the embeddings")) << said;
  }
  const std::string bare = LEGRAD_TEST_DATA "/fixtures/open_clip_normalised/model.pt";
  refuses({"inspect", "--model", bare, "--size", "16x16", "--verify"}, "nothing to replay");
}

TEST_F(Inspect, RefusesOptionsOfOthers) {
  refuses({"inspect"}, "--model");
  refuses({"inspect", "--model", kModel, "--image", path("scene.png")}, "--image");
}

}  // namespace
}  // namespace legrad
