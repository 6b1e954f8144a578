// Files and folders given for a model by mistake are named for what they are, with what to do.

#include "io/foreign_model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/temporary_folder.h"

namespace legrad::io {
namespace {

namespace fs = std::filesystem;

class ForeignModelTest : public ::testing::Test {
 protected:
  std::string told(const std::string& name, const std::string& bytes) const {
    const auto file = folder_.path() / name;
    std::ofstream(file, std::ios::binary) << bytes;
    return foreign_file(file);
  }

  legrad::testing::TemporaryFolder folder_;
};

void expect_all(const std::string& text, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(text.find(word), std::string::npos) << word << " is not in: " << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

using namespace std::string_literals;

TEST_F(ForeignModelTest, NamesWhatIsNoModel) {
  expect_all(told("vit.pt", ""), {"empty"});
  expect_all(told("vit.pt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
             {"Git LFS", "git lfs pull"});
  expect_all(told("vit.pt", "\n <!DOCTYPE html><html><body>Not found</body></html>"), {"web page"});
  expect_all(told("model.safetensors", "\x10\0\0\0\0\0\0\0{\"a\":{}}        data"s),
             {"safetensors", "load_file(\"model.safetensors\")", "torch.jit.trace"});
  expect_all(told("vit.pth", "\x80\x02\x8a\nl\xfc\x9c"s), {"pickle", "torch.load(\"vit.pth\")", "torch.jit.trace"});
  expect_all(told("vit.bin", "\x08\x08\x12\x07pytorch"s), {"ONNX", "torch.jit.trace"});
  expect_all(told("vit.onnx", "\x0a\x07"s), {"ONNX"});
  expect_all(told("vit.tflite", "\x1c\0\0\0TFL3"s), {"TensorFlow Lite"});
  expect_all(told("vit.so", "\x7f"s + "ELF\x02"), {"AOTInductor"});
  expect_all(told("cat.png", "\x89PNG\r\n"), {"PNG picture"});
  expect_all(told("config.json", "{\"hidden_size\": 768}\n"), {"text file"});
}

TEST_F(ForeignModelTest, LeavesWhatMayBeAModelToItsReader) {
  EXPECT_EQ(told("vit.pt", "PK\x03\x04"), "");
  EXPECT_EQ(told("vit.pt", "\x01\x02\x03 something else"), "");
}

TEST(ForeignArchiveTest, TellsWeightsAndCompiledCodeFromGraphs) {
  expect_all(foreign_archive({"archive/data.pkl", "archive/data/0", "archive/version"}),
             {"state dict", "load_state_dict", "torch.jit.trace"});
  expect_all(foreign_archive({"model/data/aotinductor/model/a.wrapper.cpp"}), {"AOTInductor"});
  expect_all(foreign_archive({"arr_0.npy"}), {".npz"});
  EXPECT_EQ(foreign_archive({"m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"}), "");
  EXPECT_EQ(foreign_archive({"m/models/model.json", "m/archive_format"}), "");
}

}  // namespace
}  // namespace legrad::io
