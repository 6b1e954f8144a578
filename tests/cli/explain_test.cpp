#include <ATen/ATen.h>
#include <legrad/heatmap.h>
#include <legrad/methods/legrad.h>
#include <legrad/npy.h>

#include <array>
#include <cstdio>

#include "support/legrad_program.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::Ran;
using testing::scene;
using testing::operator+;
using testing::Arguments;

class Explain : public testing::LegradProgram {};

TEST_F(Explain, TakesTheTopPrediction) {
  const Ran ran = succeeds(explain());
  const at::Tensor output = vit().forward(preprocess(scene(), vit().structure().image->size, bundle().preprocessing));
  const int64_t best = output.argmax(1).item<int64_t>();
  const std::string& label = bundle().labels[static_cast<size_t>(best)];

  const std::string file = path("out/scene-" + label + ".png");
  char score[32];
  std::snprintf(score, sizeof score, "%.4f", output[0][best].item<double>());
  EXPECT_TRUE(contains(ran.out, label));
  EXPECT_TRUE(contains(ran.out, score));
  EXPECT_TRUE(contains(ran.out, file));
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 2) << ran.out;
  EXPECT_EQ(folder_.entries(), before_ + 2);  // out, and one picture in it
  const at::Tensor drawn = read_image(file);
  EXPECT_EQ(drawn.sizes(), scene().sizes());
  EXPECT_FALSE(at::equal(drawn, scene()));
}

TEST_F(Explain, WritesTheMapsThatTheLibraryGives) {
  const std::string& label = bundle().labels[3];
  succeeds(explain({"--class", label, "--class", "5", "--class", "-1", "--npy", "--method", "legrad/layers=1:"}));
  for (const std::string& name : {label, bundle().labels[5], bundle().labels.back()}) {
    EXPECT_TRUE(fs::exists(path("out/scene-" + name + ".png"))) << name;
  }
  EXPECT_EQ(folder_.entries(), before_ + 5);

  LegradOptions options;
  for (int64_t layer = 1; layer < vit().structure().blocks; ++layer) options.layers.push_back(layer);
  const ImageSize size = vit().structure().image->size;
  const at::Tensor maps = legrad(vit(), preprocess(scene(), size, bundle().preprocessing), {3, 5, -1}, options);
  const at::Tensor heat = read_npy(path("out/scene.npy"));
  ASSERT_EQ(heat.sizes(), at::IntArrayRef({3, 40, 60}));
  EXPECT_EQ(heat.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(heat, on_picture(normalized(maps)[0], {40, 60}, size, bundle().preprocessing), 1e-4, 1e-5));
}

TEST_F(Explain, WritesPicturesOfOneNameSideBySide) {
  const Arguments both = {"explain", "--model", kModel, "--image", path("scene.png"), path("more/scene.png")};
  succeeds(both + Arguments{"--class", "0", "--npy", "--out", path("out")});
  EXPECT_EQ(folder_.entries(), before_ + 5);
  EXPECT_TRUE(fs::exists(path("out/scene-2-" + bundle().labels[0] + ".png")));
  EXPECT_FALSE(at::equal(read_npy(path("out/scene.npy")), read_npy(path("out/scene-2.npy"))));
}

TEST_F(Explain, DoesNotOverwriteAPictureItReads) {
  const std::string taken = path("scene-" + bundle().labels[0] + ".png");
  write_image(taken, scene());
  succeeds({"explain", "--model", kModel, "--image", path("scene.png"), taken, "--class", "0", "--out",
            folder_.path().string()});
  EXPECT_TRUE(at::equal(read_image(taken), scene()));
  EXPECT_TRUE(at::equal(read_image(path("scene.png")), scene()));
}

TEST_F(Explain, ColoursAsAsked) {
  succeeds(explain({"--class", "0", "--alpha", "0"}));
  const std::string file = path("out/scene-" + bundle().labels[0] + ".png");
  EXPECT_TRUE(at::equal(read_image(file), scene()));
  succeeds(explain({"--class", "0", "--alpha", "1", "--blend", "constant", "--colormap", "Viridis", "--npy"}));
  const at::Tensor heat = read_npy(path("out/scene.npy"))[0];
  const OverlayStyle style = {.colormap = Colormap::kViridis, .blend = Blend::kConstant, .alpha = 1};
  EXPECT_TRUE(at::equal(read_image(file), overlay(scene(), heat, style)));
}

TEST_F(Explain, TakesABareFileWithMeanAndStd) {
  const auto& mean = bundle().preprocessing.mean;
  const auto& std = bundle().preprocessing.std;
  const auto list = [](const std::array<double, 3>& values) {
    return std::to_string(values[0]) + "," + std::to_string(values[1]) + "," + std::to_string(values[2]);
  };
  succeeds(explain({"--class", "0", "--npy"}));
  const at::Tensor expected = read_npy(path("out/scene.npy"));
  const std::string bare = bundle().vision.string();
  succeeds(
      explain_with(bare, {"--class", "0", "--npy", "--size", "112x112", "--mean", list(mean), "--std", list(std)}));
  EXPECT_TRUE(at::allclose(read_npy(path("out/scene.npy")), expected, 1e-4, 1e-5));
  EXPECT_TRUE(fs::exists(path("out/scene-class-0.png")));
  succeeds(explain_with(
      bare, {"--class", "0", "--npy", "--size", "112x112", "--mean", "0.1", "0.9", "-0.5", "--std", "2 2 2"}));
  EXPECT_FALSE(at::allclose(read_npy(path("out/scene.npy")), expected, 1e-4, 1e-5));
}

TEST_F(Explain, TakesAnEntryOfAnEmbedding) {
  fs::create_directory(folder_ / "clip");
  fs::copy_file(bundle().vision, folder_ / "clip/vision.ts");
  folder_.write("clip/manifest.json", R"({"schema_version": 1, "vision": "vision.ts", "kind": "clip"})");
  refuses(explain_with(path("clip")), "--text-embedding");
  refuses(explain_with(path("clip"), {"--top", "2"}), "--text-embedding");
  // A bare file says nothing of its kind, but its outputs have length 1.
  refuses(explain_with(LEGRAD_TEST_DATA "/fixtures/open_clip_normalised/model.pt"), "--text-embedding");
  succeeds(explain_with(path("clip"), {"--class", "7", "--size", "112x112"}));
  EXPECT_TRUE(fs::exists(path("out/scene-class-7.png")));
}

}  // namespace
}  // namespace legrad
