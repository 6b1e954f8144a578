// The object `text` of a manifest, read strictly.

#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/text.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "support/message_of.h"
#include "text/text_folder.h"

namespace legrad {
namespace {

using nlohmann::json;
using testing::contains;
using testing::last;
using testing::message_of;

class TextManifestTest : public ::testing::Test {
 protected:
  TextManifestTest() {
    folder_.write("bpe.txt", testing::kMerges);
    folder_.write("text.pt2", "");
    text_ = {{"file", "text.pt2"},
             {"tokenizer", {{"kind", "clip_bpe"}, {"file", "bpe.txt"}}},
             {"clean", {"ftfy-lite", "whitespace"}},
             {"lower", "python"},
             {"length", 8},
             {"pad", 0},
             {"begin", 517},
             {"end", 518},
             {"keep_end", true},
             {"special", {{"found_in", "cleaned"}, {"tokens", {{"<start_of_text>", 517}, {"<end_of_text>", 518}}}}},
             {"checks", {{{"prompt", "A low B"}, {"ids", {517, last('a'), 513, last('b'), 518}}}}}};
  }

  TextManifest read() const {
    folder_.write("manifest.json", json{{"schema_version", 1}, {"vision", "v.ts"}, {"text", text_}}.dump());
    return TextManifest::read(folder_.path());
  }

  /// What is said of the object with `value` at `pointer`, or without that field where it is null.
  std::string refused(const std::string& pointer, const json& value) {
    const json before = text_;
    text_[json::json_pointer(pointer)] = value;
    const std::string message = message_of<ModelError>([&] { read(); });
    text_ = before;
    EXPECT_TRUE(contains(message, "manifest.json"));
    return message;
  }

  testing::TemporaryFolder folder_;
  json text_;
};

TEST_F(TextManifestTest, SaysAllThatATokenizerNeeds) {
  const TextManifest manifest = read();
  EXPECT_EQ(manifest.tower.filename(), "text.pt2");
  EXPECT_EQ(manifest.kind, TextManifest::Kind::kClipBpe);
  EXPECT_EQ(manifest.rules.clean, (std::vector<CleanStep>{CleanStep::kFtfyLite, CleanStep::kWhitespace}));
  EXPECT_EQ(manifest.rules.lower, LowerCase::kPython);
  EXPECT_EQ(manifest.rules.length, 8);
  EXPECT_EQ(manifest.rules.begin, 517);
  EXPECT_EQ(manifest.rules.end, 518);
  EXPECT_EQ(manifest.rules.special.ids.at("<end_of_text>"), 518);
  EXPECT_EQ(manifest.tokenizer().encode("low").ids, (std::vector<int64_t>{517, 513, 518}));
}

TEST_F(TextManifestTest, MayLeaveOut) {
  for (const char* field : {"file", "begin", "end", "keep_end", "special", "checks"}) text_.erase(field);
  const TextManifest manifest = read();
  EXPECT_TRUE(manifest.tower.empty());
  EXPECT_EQ(manifest.rules.begin, std::nullopt);
  EXPECT_TRUE(manifest.rules.keep_end);
  EXPECT_EQ(manifest.tokenizer().encode("low").ids, std::vector<int64_t>{513});
}

TEST_F(TextManifestTest, NamesTheFieldThatIsWrong) {
  EXPECT_TRUE(contains(refused("/clean", "whitespace"), "'text.clean' must be a list of strings"));
  EXPECT_TRUE(contains(refused("/clean", {"bleach"}), "\"canonicalize\""));
  EXPECT_TRUE(contains(refused("/clean", nullptr), "'text.clean'"));
  EXPECT_TRUE(contains(refused("/lower", true), "'text.lower'"));
  EXPECT_TRUE(contains(refused("/lower", "Python"), "\"huggingface\""));
  EXPECT_TRUE(contains(refused("/length", 0), "'text.length'"));
  EXPECT_TRUE(contains(refused("/length", 2), "no room"));
  EXPECT_TRUE(contains(refused("/length", 1e3), "'text.length'"));
  EXPECT_TRUE(contains(refused("/length", nullptr), "'text.length'"));
  EXPECT_TRUE(contains(refused("/pad", -1), "'text.pad'"));
  EXPECT_TRUE(contains(refused("/end", int64_t{1} << 40), "'text.end'"));
  EXPECT_TRUE(contains(refused("/keep_end", "yes"), "'text.keep_end' must be true or false"));
  EXPECT_TRUE(contains(refused("/tokenizer", "bpe.txt"), "'text.tokenizer'"));
  EXPECT_TRUE(contains(refused("/tokenizer/kind", "wordpiece"), "\"sentencepiece\""));
  EXPECT_TRUE(contains(refused("/tokenizer/kind", "sentencepiece"), "'text.special.found_in' must be \"raw\""));
  text_["tokenizer"]["merges"] = "bpe.txt";
  EXPECT_TRUE(contains(refused("/tokenizer/kind", "sentencepiece"), "'text.tokenizer.merges' must be left out"));
  EXPECT_TRUE(contains(refused("/special/found_in", "text"), "'text.special.found_in'"));
  EXPECT_TRUE(contains(refused("/special/tokens", json::array()), "'text.special.tokens'"));
  EXPECT_TRUE(contains(refused("/special/tokens/<x>", "1"), "'text.special.tokens.<x>'"));
  EXPECT_TRUE(contains(refused("/checks", json::array({"a cat"})), "'text.checks[0]'"));
  EXPECT_TRUE(contains(refused("/checks/0/ids", "1"), "'text.checks[0].ids'"));
  EXPECT_TRUE(contains(refused("/checks", json::array_t(101, text_["checks"][0])), "at most 100"));
  json many;
  for (int i = 0; i < 1025; ++i) many["<" + std::to_string(i) + ">"] = i;
  EXPECT_TRUE(contains(refused("/special/tokens", many), "1025 special tokens"));
}

TEST_F(TextManifestTest, ReadsNoFileOutsideItsFolder) {
  for (const char* field : {"/tokenizer/file", "/tokenizer/merges", "/file"}) {
    EXPECT_TRUE(contains(refused(field, "/etc/hostname"), "outside"));
    EXPECT_TRUE(contains(refused(field, "../../etc/hostname"), "which"));
    EXPECT_TRUE(contains(refused(field, "none.txt"), "is not there"));
    EXPECT_TRUE(contains(refused(field, ""), "a file's name"));
  }
  std::filesystem::create_symlink("/etc/hostname", folder_ / "link.txt");
  EXPECT_TRUE(contains(refused("/tokenizer/file", "link.txt"), "outside"));
}

TEST_F(TextManifestTest, SaysThatAModelTakesNoWords) {
  folder_.write("manifest.json", R"({"schema_version": 1, "vision": "v.ts"})");
  EXPECT_TRUE(contains(message_of<ModelError>([&] { TextManifest::read(folder_.path()); }), "no object 'text'"));
  folder_.write("manifest.json", R"({"schema_version": 2, "text": {}})");
  EXPECT_TRUE(contains(message_of<ModelError>([&] { TextManifest::read(folder_.path()); }), "schema_version"));
}

TEST_F(TextManifestTest, HoldsTheTokenizerAgainstItsChecks) {
  text_["checks"][0]["ids"][1] = 3;
  const TextManifest manifest = read();
  const std::string message = message_of<ModelError>([&] { manifest.tokenizer(); });
  EXPECT_TRUE(contains(message, "'A low B'"));
  EXPECT_TRUE(contains(message, "517 3 513"));
}

}  // namespace
}  // namespace legrad
