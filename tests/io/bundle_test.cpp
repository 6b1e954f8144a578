#include <gtest/gtest.h>
#include <legrad/bundle.h>
#include <legrad/error.h>

#include <filesystem>

#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::message_of;

constexpr const char* kManifest = R"({
  "schema_version": 1, "name": "emoji-vit", "vision": "vision.ts", "kind": "classifier",
  "preprocessing": {"size": [112, 96], "mean": [0.5, 0.25, 0.125], "std": [1, 2, 3],
                    "interpolation": "bicubic", "resize": "shortest_edge_crop"},
  "labels": ["apple", "bicycle", "Crane", "crane", "crane", "dog"], "grid": [7, 6],
  "dtype": "float16", "licence": "Apache-2.0", "training": {"epochs": 30}})";

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() { folder_.write("vision.ts", "weights"); }

  Bundle open(const std::string& manifest) const {
    folder_.write("manifest.json", manifest);
    return Bundle::open(folder_.path());
  }

  std::string refusal(const std::string& manifest) const {
    std::string message = message_of<ModelError>([&] { open(manifest); });
    EXPECT_TRUE(contains(message, "manifest.json")) << manifest.substr(0, 200);
    EXPECT_LT(message.size(), 400U);
    return message;
  }

  /// A manifest that is right but for these fields.
  std::string refusal_of(const std::string& fields) const {
    return refusal(R"({"schema_version": 1, "vision": "vision.ts", )" + fields + "}");
  }

  testing::TemporaryFolder folder_;
};

TEST_F(BundleTest, ReadsEveryField) {
  const Bundle bundle = open(kManifest);
  EXPECT_EQ(bundle.name, "emoji-vit");
  EXPECT_TRUE(fs::equivalent(bundle.vision, folder_ / "vision.ts"));
  EXPECT_EQ(bundle.preprocessing.size, (ImageSize{112, 96}));
  EXPECT_EQ(bundle.preprocessing.mean, (std::array<double, 3>{0.5, 0.25, 0.125}));
  EXPECT_EQ(bundle.preprocessing.std, (std::array<double, 3>{1, 2, 3}));
  EXPECT_EQ(bundle.preprocessing.interpolation, Preprocessing::Interpolation::kBicubic);
  EXPECT_EQ(bundle.preprocessing.resize, Preprocessing::Resize::kShortestEdgeCrop);
  EXPECT_EQ(bundle.labels.size(), 6U);
  EXPECT_EQ(bundle.grid, (PatchGrid{7, 6}));
  EXPECT_EQ(bundle.kind, "classifier");
  EXPECT_EQ(bundle.dtype, at::kHalf);
  EXPECT_FALSE(bundle.gives_embedding());
}

TEST_F(BundleTest, NeedsLittle) {
  const Bundle bundle = open(R"({"schema_version": 1, "vision": "vision.ts", "labels": null})");
  EXPECT_EQ(bundle.name, folder_.path().filename());
  EXPECT_EQ(bundle.preprocessing.mean, Preprocessing().mean);
  EXPECT_FALSE(bundle.preprocessing.size.has_value());
  EXPECT_FALSE(bundle.dtype.has_value());
  EXPECT_TRUE(bundle.labels.empty());
  EXPECT_FALSE(bundle.gives_embedding());
  EXPECT_TRUE(open(R"({"schema_version": 1, "vision": "vision.ts", "kind": "clip"})").gives_embedding());
}

TEST_F(BundleTest, TakesABareFile) {
  const Bundle bundle = Bundle::open(folder_ / "vision.ts");
  EXPECT_EQ(bundle.name, "vision");
  EXPECT_EQ(bundle.vision, folder_ / "vision.ts");
  EXPECT_TRUE(bundle.labels.empty());
}

TEST_F(BundleTest, SaysWhatIsMissing) {
  EXPECT_TRUE(contains(message_of<ModelError>([&] { Bundle::open(folder_ / "none"); }), "no such file"));
  EXPECT_TRUE(contains(message_of<ModelError>([&] { Bundle::open(folder_.path()); }), "has no manifest.json"));
  EXPECT_TRUE(contains(message_of<ModelError>([&] { Bundle::open("/dev/null"); }), "neither"));
}

TEST_F(BundleTest, NamesTheFieldOfTheWrongType) {
  EXPECT_TRUE(contains(refusal_of(R"("name": 3)"), "'name' must be a string"));
  EXPECT_TRUE(contains(refusal_of(R"("labels": "dog")"), "'labels' must be a list of strings"));
  EXPECT_TRUE(contains(refusal_of(R"("labels": ["dog", 3])"), "'labels'"));
  EXPECT_TRUE(contains(refusal_of(R"("grid": [14])"), "'grid' must be a list of 2 integers"));
  EXPECT_TRUE(contains(refusal_of(R"("kind": "detector")"), "'kind' must be \"classifier\""));
  EXPECT_TRUE(contains(refusal_of(R"("preprocessing": [])"), "'preprocessing' must be a JSON object"));
  for (const char* size : {"224", "[224]", "[224, 224, 3]", "[0, 224]", "[-1, 224]", "[224.5, 224]", "[1e9, 1e9]",
                           "[18446744073709551615, 1]", "[\"224\", 224]"}) {
    EXPECT_TRUE(
        contains(refusal_of(R"("preprocessing": {"size": )" + std::string(size) + "}"), "'preprocessing.size'"));
  }
  for (const char* mean : {"0.5", "[0.5]", "[0.5, 0.5, null]", "[0.5, 0.5, \"a\"]"}) {
    EXPECT_TRUE(
        contains(refusal_of(R"("preprocessing": {"mean": )" + std::string(mean) + "}"), "'preprocessing.mean'"));
  }
  EXPECT_TRUE(contains(refusal_of(R"("dtype": "int8")"), "'dtype' must be \"float32\""));
  EXPECT_TRUE(contains(refusal_of(R"("preprocessing": {"std": [1, 0, 1]})"), "above 0"));
  EXPECT_TRUE(contains(refusal_of(R"("preprocessing": {"resize": "pad"})"), "\"squash\""));
  for (const char* crop : {"0", "1.1", "\"a\""}) {
    EXPECT_TRUE(
        contains(refusal_of(R"("preprocessing": {"crop": )" + std::string(crop) + "}"), "'preprocessing.crop'"));
  }
  EXPECT_TRUE(contains(refusal_of(R"("preprocessing": {"fill": 256})"), "'preprocessing.fill'"));
  EXPECT_TRUE(contains(refusal_of(R"("check": {"output": [1]})"), "'check.seed'"));
  EXPECT_TRUE(contains(refusal_of(R"("check": {"seed": 1, "output": []})"), "'check.output'"));
  EXPECT_TRUE(contains(refusal_of(R"("check": {"seed": 1, "output": [1], "tolerance": 2})"), "'check.tolerance'"));
  EXPECT_TRUE(contains(refusal_of(R"("preprocessing": {"interpolation": "lanczos"})"), "\"bicubic\""));
}

TEST_F(BundleTest, RefusesOtherSchemaVersions) {
  EXPECT_TRUE(contains(refusal(R"({"schema_version": 2, "vision": "vision.ts"})"), "'schema_version' must be 1"));
  EXPECT_TRUE(
      contains(refusal(R"({"schema_version": "1", "vision": "vision.ts"})"), "'schema_version' must be an integer"));
  EXPECT_TRUE(contains(refusal(R"({"vision": "vision.ts"})"), "'schema_version' must be there"));
}

TEST_F(BundleTest, RefusesExportsOutsideItsFolder) {
  const testing::TemporaryFolder other;
  other.write("secret.ts", "weights");
  const auto refusal_for = [&](const std::string& vision) {
    return refusal(R"({"schema_version": 1, "vision": ")" + vision + "\"}");
  };
  EXPECT_TRUE(contains(refusal_for((other / "secret.ts").string()), "outside"));
  EXPECT_TRUE(contains(refusal_for("../" + other.path().filename().string() + "/secret.ts"), "outside"));
  fs::create_symlink(other / "secret.ts", folder_ / "link.ts");
  EXPECT_TRUE(contains(refusal_for("link.ts"), "outside"));
  EXPECT_TRUE(contains(refusal_for("none.ts"), "'none.ts', which is not there"));
  EXPECT_TRUE(contains(refusal_for("."), "no file"));
  EXPECT_TRUE(contains(refusal_for(""), "'vision' must be a file's name"));
  EXPECT_TRUE(contains(refusal_for("vision.ts\\u0000.txt"), "'vision' must be a file's name"));
  EXPECT_TRUE(contains(refusal(R"({"schema_version": 1})"), "'vision' must be there"));

  fs::create_directory(folder_ / "sub");
  EXPECT_TRUE(
      fs::equivalent(open(R"({"schema_version": 1, "vision": "sub/../vision.ts"})").vision, folder_ / "vision.ts"));
}

TEST_F(BundleTest, RefusesWhatIsNoJson) {
  EXPECT_TRUE(contains(refusal(""), "no valid JSON in line 1"));
  EXPECT_TRUE(contains(refusal("{\n\n\"schema_version\": oops}"), "no valid JSON in line 3"));
  EXPECT_TRUE(contains(refusal("[]"), "JSON object"));
  EXPECT_TRUE(contains(refusal("{\"schema_version\": 1, \"name\": \"\xff\xfe\"}"), "no valid JSON"));
  EXPECT_TRUE(contains(refusal(std::string("\0\0\0", 3)), "no valid JSON"));
  EXPECT_TRUE(contains(refusal("{\"schema_version\": 1e999}"), "out of range"));
  EXPECT_TRUE(contains(refusal(std::string(1 << 20, '[')), "nested"));
  EXPECT_TRUE(contains(refusal(std::string((16 << 20) + 1, ' ')), "bytes"));
}

TEST_F(BundleTest, FindsClassesByNameAndIndex) {
  const Bundle bundle = open(kManifest);
  EXPECT_EQ(bundle.class_index("dog"), 5);
  EXPECT_EQ(bundle.class_index("DOG"), 5);
  EXPECT_EQ(bundle.class_index("Crane"), 2);  // as it is, before case is set aside
  EXPECT_EQ(bundle.class_index("0"), 0);
  EXPECT_EQ(bundle.class_index("-1"), 5);
  EXPECT_TRUE(contains(message_of<InputError>([&] { bundle.class_index("crane"); }), "entries 3 and 4; give an index"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { bundle.class_index("6"); }), "classes 0 to 5"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { bundle.class_index("-7"); }), "classes 0 to 5"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { bundle.class_index("bycicle"); }), "'bicycle'"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { bundle.class_index("99999999999999999999"); }), "unknown class"));
  message_of<InputError>([&] { bundle.class_index(""); });
  message_of<InputError>([&] { bundle.class_index(std::string(100, 'x')); });
}

TEST_F(BundleTest, WithoutLabelsAClassIsAnIndex) {
  const Bundle bundle = Bundle::open(folder_ / "vision.ts");
  EXPECT_EQ(bundle.class_index("281"), 281);
  EXPECT_EQ(bundle.class_index("-1"), -1);
  EXPECT_TRUE(contains(message_of<InputError>([&] { bundle.class_index("dog"); }), "without labels"));
}

TEST_F(BundleTest, ChecksLabelsAndGridAgainstTheModel) {
  const Bundle bundle = open(kManifest);
  Structure structure;
  structure.image.emplace().size = {112, 96};
  structure.output_width = 6;
  structure.image->grid = {7, 6};
  bundle.check(structure);
  structure.image->grid = {7, 7};
  EXPECT_TRUE(contains(message_of<ModelError>([&] { bundle.check(structure); }), "7 x 6 patches, the model has 7 x 7"));
  structure.image->size = {112, 112};  // loaded at another size on purpose
  bundle.check(structure);
  structure.output_width = 7;
  EXPECT_TRUE(contains(message_of<ModelError>([&] { bundle.check(structure); }), "6 labels, the model's output 7"));
}

TEST_F(BundleTest, NamesAFolderThatIsNoBundle) {
  const auto refusal = [&] { return message_of<ModelError>([&] { Bundle::open(folder_ / "given"); }); };
  fs::create_directory(folder_ / "given");
  EXPECT_TRUE(contains(refusal(), "manifest"));
  std::ofstream(folder_ / "given/config.json") << "{}";
  std::ofstream(folder_ / "given/model.safetensors") << "x";
  EXPECT_TRUE(contains(refusal(), "Hugging Face folder"));
  EXPECT_TRUE(contains(refusal(), "torch.jit.trace"));
  std::ofstream(folder_ / "given/vit.pt2") << "x";
  EXPECT_TRUE(contains(refusal(), "give that: " + (folder_ / "given/vit.pt2").string()));
  std::ofstream(folder_ / "given/vit.ts") << "x";
  EXPECT_TRUE(contains(refusal(), "several exported models"));
}

}  // namespace
}  // namespace legrad
