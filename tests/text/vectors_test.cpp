// Tokens of folders that tests/oracle/make_text_vectors.py wrote: the homes' own tokenizers said what is expected.
// LEGRAD_TEXT_VECTORS names a folder of more such folders.

#include <gtest/gtest.h>
#include <legrad/text.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace legrad {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> folders_of(const fs::path& root) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (fs::exists(entry.path() / "vectors.json")) {
      folders.push_back(entry.path());
    }
  }
  std::ranges::sort(folders);
  return folders;
}

std::vector<fs::path> all_folders() {
  std::vector<fs::path> folders = folders_of(LEGRAD_TEST_DATA "/text");
  if (const char* const more = std::getenv("LEGRAD_TEXT_VECTORS")) {
    const std::vector<fs::path> others = folders_of(more);
    folders.insert(folders.end(), others.begin(), others.end());
  }
  return folders;
}

std::string name_of(const ::testing::TestParamInfo<fs::path>& folder) {
  std::string name = std::to_string(folder.index) + "_" + folder.param.filename().string();
  for (char& letter : name) {
    letter = std::isalnum(static_cast<unsigned char>(letter)) != 0 ? letter : '_';
  }
  return name;
}

class VectorsTest : public ::testing::TestWithParam<fs::path> {};

TEST_P(VectorsTest, AreTheTokensOfTheHome) {
  constexpr size_t kMostTold = 20;
  const Tokenizer tokenizer = TextManifest::read(GetParam()).tokenizer();
  std::ifstream stream(GetParam() / "vectors.json");
  const auto vectors = nlohmann::json::parse(stream);
  size_t different = 0;
  for (const auto& vector : vectors) {
    const auto prompt = vector.at("prompt").get<std::string>();
    const Tokens tokens = tokenizer.encode(prompt);
    const bool equal = tokens.ids == vector.at("ids").get<std::vector<int64_t>>() &&
                       tokens.dropped == vector.at("dropped").get<size_t>();
    EXPECT_EQ(tokens.ids.size(), tokens.pieces.size());
    EXPECT_LT(*std::ranges::max_element(tokens.ids), tokenizer.size());
    if (!equal && ++different <= kMostTold) {
      ADD_FAILURE() << vector.dump() << "\nbut has " << nlohmann::json(tokens.ids) << nlohmann::json(tokens.pieces)
                    << " and drops " << tokens.dropped;
    }
  }
  EXPECT_EQ(different, 0) << "of " << vectors.size();
  RecordProperty("prompts", static_cast<int>(vectors.size()));
}

INSTANTIATE_TEST_SUITE_P(Homes, VectorsTest, ::testing::ValuesIn(all_folders()), name_of);

}  // namespace
}  // namespace legrad
