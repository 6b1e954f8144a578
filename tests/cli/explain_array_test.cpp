#include <ATen/ATen.h>
#include <legrad/correction.h>
#include <legrad/methods.h>
#include <legrad/npy.h>

#include "support/legrad_program.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::Arguments;
using testing::contains;
using testing::operator+;

class ExplainArray : public testing::LegradProgram {
 protected:
  /// Preprocessed images of the bundled model's size, and the file of them.
  at::Tensor write_images(int64_t count) const {
    at::manual_seed(11);
    const ImageSize size = vit().structure().image->size;
    at::Tensor images = at::randn({count, 3, size.height, size.width});
    write_npy(path("batch.npy"), images);
    return images;
  }

  /// The maps that it writes.
  at::Tensor raw(const Arguments& arguments) const {
    succeeds(arguments);
    return read_npy(path("out/raw.npy"));
  }
};

TEST_F(ExplainArray, WritesRawMaps) {
  const at::Tensor images = write_images(2);
  const at::Tensor maps = raw(explain_array("batch.npy", {"--class", "2", "--class", "4"}));
  const PatchGrid grid = vit().structure().image->grid;
  EXPECT_EQ(maps.sizes(), at::IntArrayRef({2, 2, grid.rows, grid.columns}));
  EXPECT_TRUE(at::allclose(maps, legrad(vit(), images, {2, 4}), 1e-4, 1e-9));
  const auto ran = succeeds(explain_array("batch.npy", {"--top", "3"}));
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 7) << ran.out;
  EXPECT_TRUE(contains(ran.out, "raw.npy"));
  EXPECT_EQ(read_npy(path("out/raw.npy")).size(1), 3);
}

TEST_F(ExplainArray, ByMethodsAndTheirOptions) {
  const at::Tensor images = write_images(1);
  for (const char* spec : {"chefer_cam", "rollout/head_fusion=max/discard_ratio=0.5", "legrad/layers=0,3,-1/relu=no"}) {
    SCOPED_TRACE(spec);
    const at::Tensor expected = legrad::explain(vit(), images, {2}, {built_in_methods().get(spec)}).maps[0];
    const at::Tensor maps = raw(explain_array("batch.npy", {"--class", "2", "--method", spec}));
    EXPECT_TRUE(at::allclose(maps, expected, 1e-4, 1e-9));
  }
}

TEST_F(ExplainArray, ComparesWithEmbeddings) {
  const at::Tensor images = write_images(1);
  const at::Tensor embedding = at::randn({3, vit().structure().output_width});
  write_npy(path("text.npy"), embedding);
  write_npy(path("one.npy"), embedding[0]);
  EXPECT_TRUE(
      at::allclose(raw(explain_array("batch.npy", {"--text-embedding", path("text.npy"), "--similarity", "dot"})),
                   legrad(vit(), images, Target(embedding, Similarity::kDot)), 1e-4, 1e-9));
  EXPECT_TRUE(at::allclose(raw(explain_array("batch.npy", {"--text-embedding", path("one.npy")})),
                           legrad(vit(), images, Target(embedding.narrow(0, 0, 1))), 1e-4, 1e-9));
}

TEST_F(ExplainArray, CorrectsTheMapsOfASiglip) {
  const fs::path model = fs::path(LEGRAD_TEST_DATA) / "fixtures/open_clip_normalised/model.pt";
  fs::create_directory(folder_ / "model");
  fs::copy_file(model, folder_ / "model/vision.pt");
  const Vit tower = Vit::load(model);
  at::manual_seed(12);
  const ImageSize size = tower.structure().image->size;
  const at::Tensor images = at::randn({2, 3, size.height, size.width});
  const at::Tensor text = at::randn({2, tower.structure().output_width});
  const at::Tensor empty = at::randn({1, tower.structure().output_width});
  write_npy(path("batch.npy"), images);
  write_npy(path("text.npy"), text);
  write_npy(folder_ / "model/empty.npy", empty);
  const Arguments arguments = {"explain", "--model",   path("model"),      "--input-npy",   path("batch.npy"),
                               "--out",   path("out"), "--text-embedding", path("text.npy")};
  const std::string manifest = R"({"schema_version": 1, "vision": "vision.pt", "kind": "siglip")";
  const auto methods = built_in_methods().choose("legrad");
  const at::Tensor plain = legrad::explain(tower, images, text, methods).maps[0];
  const at::Tensor expected = legrad::explain(tower, images, text, methods, Correction{empty, 0.8}).maps[0];
  const at::Tensor halved = legrad::explain(tower, images, text, methods, Correction{empty, 0.5}).maps[0];

  folder_.write("model/manifest.json", manifest + "}");
  refuses(arguments, "--empty-embedding FILE.npy, or --no-correction");
  EXPECT_TRUE(at::allclose(raw(arguments + Arguments{"--no-correction"}), plain));
  EXPECT_TRUE(at::allclose(raw(arguments + Arguments{"--empty-embedding", path("model/empty.npy")}), expected));
  folder_.write("model/manifest.json", manifest + R"(, "empty_embedding": "empty.npy"})");
  EXPECT_TRUE(at::allclose(raw(arguments), expected));
  EXPECT_TRUE(at::allclose(raw(arguments + Arguments{"--correction-threshold", "0.5"}), halved));
  EXPECT_FALSE(at::allclose(plain, expected));
  EXPECT_FALSE(at::allclose(halved, expected));
  refuses(arguments + Arguments{"--correction-threshold", "2"}, "[0, 1]");
  refuses(arguments + Arguments{"--empty-embedding", path("text.npy")}, "must hold one embedding");
  refuses(arguments + Arguments{"--empty-embedding", path("batch.npy")}, "the empty prompt's embedding");
  folder_.write("model/manifest.json", manifest + R"(, "empty_embedding": "../text.npy"})");
  refuses(arguments, "outside");
}

}  // namespace
}  // namespace legrad
