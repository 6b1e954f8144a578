#include <ATen/ATen.h>
#include <legrad/npy.h>

#include <limits>

#include "support/legrad_program.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;

class RefusedFiles : public testing::LegradProgram {};

TEST_F(RefusedFiles, PicturesItCannotRead) {
  const auto refuses_picture = [&](const std::string& name, const std::string& part) {
    // After a good one, of which nothing may be written either.
    refuses({"explain", "--model", kModel, "--image", path("scene.png"), path(name), "--out", path("out")}, part);
  };
  refuses_picture("none.png", "no such file");
  refuses_picture("more", "folder");
  folder_.write("empty.png", "");
  refuses_picture("empty.png", "empty");
  folder_.write("text.png", "no picture");
  refuses_picture("text.png", "no PNG");
  std::string bytes = testing::file_bytes(folder_ / "scene.png");
  folder_.write("cut.png", bytes.substr(0, bytes.size() / 2));
  refuses_picture("cut.png", "ends too early");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
  folder_.write("damaged.png", bytes);
  refuses_picture("damaged.png", "damaged");
  std::string huge = testing::file_bytes(folder_ / "scene.png");
  folder_.write("huge.png", huge.replace(16, 8, std::string("\0\1\0\0\0\1\0\0", 8)));
  refuses_picture("huge.png", "65536 x 65536");
  folder_.write("none.png", huge.replace(16, 8, std::string(8, '\0')));
  refuses_picture("none.png", "no pixels");
}

TEST_F(RefusedFiles, ArraysThatDoNotFit) {
  const auto refuses_array = [&](const at::Tensor& array, const std::string& part) {
    write_npy(path("batch.npy"), array);
    refuses(explain_array("batch.npy", {"--class", "0"}), part);
  };
  refuses_array(at::rand({3, 112, 112}), "[3, 112, 112]");
  refuses_array(at::rand({0, 3, 112, 112}), "[0, 3, 112, 112]");
  refuses_array(at::rand({1, 4, 112, 112}), "[1, 4, 112, 112]");
  refuses_array(at::rand({1, 3, 37, 112}), "37");
  refuses_array(at::ones({1, 3, 112, 112}, at::kByte), "Byte");
  refuses_array(at::full({1, 3, 112, 112}, std::numeric_limits<float>::infinity()), "batch.npy' holds NaN");
  const std::string bytes = testing::file_bytes(folder_ / "batch.npy");
  folder_.write("cut.npy", bytes.substr(0, bytes.size() - 1));
  refuses(explain_array("cut.npy"), "the file holds");
  refuses(explain_array("none.npy"), "no such file");
  refuses(explain_array("cut.npy", {"--npy"}), "--npy");
}

TEST_F(RefusedFiles, ModelsItCannotLoad) {
  refuses(explain_with(path("none")), "no model at");
  refuses(explain_with(path("more")), "manifest.json");
  refuses(explain_with("/dev/null"), "no model at");
  const auto refuses_file = [&](const std::string& name, const std::string& bytes) {
    folder_.write(name, bytes);
    refuses(explain_with(path(name)), name);
    refuses({"inspect", "--model", path(name)}, name);
  };
  refuses_file("empty.pt", "");
  refuses_file("text.pt", "this is a text, not a model\n");
  refuses_file("garbage.pt", "PK\3\4" + std::string(5000, '\xa7'));
  const std::string whole = testing::file_bytes(bundle().vision);
  refuses_file("cut.pt", whole.substr(0, whole.size() / 2));
  refuses_file("cut-end.pt", whole.substr(0, whole.size() - 10));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 4);  // a bit of a weight
  refuses_file("flipped.pt", flipped);
}

TEST_F(RefusedFiles, ManifestsThatDoNotFit) {
  fs::create_directory(folder_ / "model");
  fs::copy_file(bundle().vision, folder_ / "model/vision.ts");
  const auto refuses_manifest = [&](const std::string& manifest, const std::string& part) {
    folder_.write("model/manifest.json", manifest);
    refuses(explain_with(path("model")), part);
  };
  folder_.write("model/manifest.json", "");
  refuses_manifest("{", "no valid JSON");
  refuses_manifest(R"({"schema_version": 9, "vision": "vision.ts"})", "schema_version");
  refuses_manifest(R"({"schema_version": 1, "vision": "../scene.png"})", "outside");
  refuses_manifest(R"({"schema_version": 1, "vision": "vision.ts", "labels": ["one", "two"]})", "2 labels");
  refuses_manifest(
      R"({"schema_version": 1, "vision": "vision.ts", "grid": [3, 3], "preprocessing": {"size": [112, 112]}})",
      "3 x 3");
}

}  // namespace
}  // namespace legrad
