#include <nlohmann/json.hpp>

#include "support/legrad_program.h"

namespace legrad {
namespace {

using testing::Arguments;
using testing::contains;

class Tokenize : public testing::LegradProgram {
 protected:
  static constexpr const char* kClip = LEGRAD_TEST_DATA "/text/open_clip_lower";

  static Arguments tokenize(const Arguments& more) {
    Arguments arguments = {"tokenize", "--model", kClip};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

TEST_F(Tokenize, PrintsIdsAndPieces) {
  const std::string text = succeeds(tokenize({"--prompt", "A red\ncat"})).out;
  EXPECT_TRUE(contains(text, "'A red cat': 5 tokens"));
  for (const char* piece : {"<start_of_text>", "a</w>", "red</w>", "cat</w>", "<end_of_text>", "812", "813"}) {
    EXPECT_TRUE(contains(text, piece));
  }
}

TEST_F(Tokenize, PrintsWhatTheHomeSays) {
  const auto vectors = nlohmann::json::parse(testing::file_bytes(std::string(kClip) + "/vectors.json"));
  Arguments arguments = tokenize({"--json"});
  for (const auto& vector : vectors) {
    arguments.insert(arguments.end(), {"--prompt", vector.at("prompt").get<std::string>()});
  }
  const testing::Ran ran = runs(arguments);
  EXPECT_EQ(ran.code, 0);
  const auto prompts = nlohmann::json::parse(ran.out).at("prompts");
  ASSERT_EQ(prompts.size(), vectors.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(prompts[i].at("prompt"), vectors[i].at("prompt"));
    EXPECT_EQ(prompts[i].at("ids"), vectors[i].at("ids"));
    EXPECT_EQ(prompts[i].at("pieces").size(), prompts[i].at("ids").size());
  }
}

TEST_F(Tokenize, TellsOnceWhatWasCutOff) {
  const std::string long_prompt = std::string(200, '1');
  const Arguments prompts = {"--prompt", "a", "--prompt", long_prompt, "--prompt", long_prompt + " a", "--json"};
  const testing::Ran ran = runs(tokenize(prompts));
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(nlohmann::json::parse(ran.out).at("prompts")[2].at("ids").size(), 77);
  EXPECT_TRUE(contains(ran.err, "2 of 3 prompts"));
  EXPECT_TRUE(contains(ran.err, "77 tokens"));
  EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1);
}

TEST_F(Tokenize, Refuses) {
  refuses({"tokenize", "--model", kModel, "--prompt", "a"}, "no object 'text'");
  refuses({"tokenize", "--model", path("none"), "--prompt", "a"}, "no such file");
  refuses(tokenize({}), "--prompt");
  refuses(tokenize({"--prompt", "a", "more"}), "more");
  refuses(tokenize({"--prompt", "a\xff"}), "UTF-8");
  refuses(tokenize({"--prompt", "a", "--prompt", "\xed\xa0\x80"}), "UTF-8");
}

}  // namespace
}  // namespace legrad
