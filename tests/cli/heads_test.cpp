// What heads look for, in words: `legrad heads`.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/legrad_program.h"

namespace legrad {
namespace {

using testing::operator+;
using testing::Arguments;
using testing::contains;

class Heads : public testing::LegradProgram {
 protected:
  Heads() {
    std::ofstream(folder_ / "texts.txt") << "a cat\n\na dog\na red car\ntwo yellow rockets\n";
    before_ = folder_.entries();
  }

  Arguments heads(const Arguments& more = {}) const {
    return Arguments{"heads",           "--model",    kModelWithWords, "--images",
                     path("scene.png"), path("more"), "--text-set",    path("texts.txt")} +
           more;
  }

  static constexpr const char* kModelWithWords = LEGRAD_MODELS "/emoji-clip";
};

TEST_F(Heads, AreNamedByTextsWithTheirShares) {
  const auto found = nlohmann::json::parse(succeeds(heads({"--json", "--layers", "-2:", "--basis", "2"})).out);
  EXPECT_EQ(found.at("model"), "emoji-clip");
  EXPECT_EQ(found.at("pictures"), 2);
  EXPECT_EQ(found.at("texts"), 4);
  const auto rows = found.at("heads");
  ASSERT_EQ(rows.size() % 2, 0U);
  for (const auto& row : rows) {
    // Two pictures differ along one direction, so the first text is all there is, or the second adds the rest.
    double sum = 0;
    for (const auto& text : row.at("texts")) sum += text.at("share").get<double>();
    EXPECT_NEAR(sum, row.at("explained").get<double>(), 1e-12);
    EXPECT_GT(sum, 0);
    EXPECT_LE(sum, 1 + 1e-9);
    EXPECT_LE(row.at("texts").size(), 2U);
  }
  EXPECT_EQ(rows.front().at("head"), 0);
  EXPECT_EQ(rows.back().at("block").get<int64_t>(), rows.front().at("block").get<int64_t>() + 1);
}

TEST_F(Heads, AreATable) {
  const auto text = succeeds(heads({"--layers", "-1"})).out;
  EXPECT_TRUE(text.starts_with("block  head  share"));
  EXPECT_TRUE(contains(text, " %"));
  const bool any = contains(text, "a cat") || contains(text, "a dog") || contains(text, "a red car") ||
                   contains(text, "two yellow rockets");
  EXPECT_TRUE(any) << text;
}

TEST_F(Heads, RefuseWhatDoesNotFit) {
  std::filesystem::create_directory(folder_ / "empty");
  std::ofstream(folder_ / "blank.txt") << "\n";
  const auto of = [&](const Arguments& pictures, const std::string& texts, const Arguments& more = {}) {
    return Arguments{"heads", "--model", kModelWithWords, "--text-set", texts, "--images"} + pictures + more;
  };
  const auto texts = path("texts.txt");
  refuses(of({path("scene.png")}, texts), "two images");
  refuses(of({path("empty")}, texts), "no pictures");
  refuses(of({path("none.png")}, texts), "none.png");
  refuses(of({path("more")}, path("none.txt")), "none.txt");
  refuses(of({path("more")}, path("blank.txt")), "blank");
  refuses(of({path("more")}, texts, {"--layers", "99"}), "no block 99");
  refuses(of({path("more")}, texts, {"--basis", "0"}), "--basis");
  refuses({"heads", "--model", kModel, "--text-set", texts, "--images", path("more")}, "takes no words");
  refuses({"heads", "--model", kModelWithWords, "--images", path("more")}, "--text-set");
}

TEST_F(Heads, OfAPoolerAddNothingDirectly) {
  refuses({"heads", "--model", LEGRAD_MODELS "/emoji-siglip", "--text-set", path("texts.txt"), "--images",
           path("scene.png"), path("more")},
          "pooler");
}

}  // namespace
}  // namespace legrad
