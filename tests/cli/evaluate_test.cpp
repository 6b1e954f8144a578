#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/read_file.h"
#include "support/legrad_program.h"

namespace legrad {
namespace {

using testing::Arguments;
using testing::Ran;
using testing::operator+;

class Evaluate : public testing::LegradProgram {
 protected:
  static constexpr const char* kScenes = LEGRAD_MODELS "/../examples/scenes";

  Arguments evaluate_of(const std::string& data, const std::string& format, const std::string& out,
                        const Arguments& more) const {
    return Arguments{"evaluate",
                     "--model",
                     kModel,
                     "--data",
                     data,
                     "--format",
                     format,
                     "--limit",
                     "3",
                     "--methods",
                     "legrad,grad_cam/layers=-2",
                     "--out",
                     out} +
           more;
  }
  Arguments evaluate(const Arguments& more) const { return evaluate_of(kScenes, "coco", path("results"), more); }
  std::string text_of(const std::string& name) const {
    return io::read_file(path("results/" + name), uint64_t{1} << 26, "file");
  }
};

TEST_F(Evaluate, WritesTablesAndAPage) {
  const Ran ran = succeeds(evaluate({"--metrics", "pixel_ap,pointing", "--controls", "random,mask"}));
  EXPECT_TRUE(testing::contains(ran.out, "pixel_ap: ")) << ran.out;
  const auto json = nlohmann::json::parse(text_of("results.json"));
  EXPECT_EQ(json.at("pictures"), 3);
  EXPECT_EQ(json.at("settings").at("format"), "coco");
  ASSERT_EQ(json.at("rows").size(), 2 * 4);
  EXPECT_EQ(json.at("rows")[1].at("method"), "grad_cam/layers=-2");
  EXPECT_EQ(json.at("rows")[3].at("method"), "mask");
  EXPECT_GT(json.at("rows")[3].at("value").get<double>(), 0.99);
  EXPECT_TRUE(testing::contains(text_of("report.html"), "<h2 id=\"pixel_ap\">"));
  EXPECT_TRUE(testing::contains(text_of("results.md"), "`grad_cam/layers=-2`"));
  EXPECT_TRUE(testing::contains(text_of("results.csv"), "mask,1,pixel_ap,"));
}

TEST_F(Evaluate, AsksACLIPInTheDatasWords) {
  const Ran ran = succeeds({"evaluate", "--model", LEGRAD_MODELS "/emoji-clip", "--data",
                            LEGRAD_MODELS "/../examples/scenes", "--format", "coco", "--limit", "2", "--methods",
                            "legrad", "--metrics", "own_over_other", "--controls", "none", "--out", path("results")});
  const auto json = nlohmann::json::parse(text_of("results.json"));
  EXPECT_EQ(json.at("settings").at("classes"), 60);
}

TEST_F(Evaluate, RefusesBeforeAnythingIsWritten) {
  refuses(evaluate({"--metrics", "csdc"}), "needs what the data set does not have");
  refuses(evaluate({"--metrics", "pixel_app"}), "no metric");
  refuses(evaluate_of(kScenes, "cocoa", path("results"), {}), "coco");
  refuses(evaluate_of(path("nowhere"), "coco", path("results"), {}), "nowhere");
  refuses(evaluate_of(kScenes, "coco", path("scene.png"), {}), "no folder");
  refuses(evaluate({"--controls", "oracle"}), "no control");
  refuses(evaluate({"--metrics", "p_miou"}), "points");
  refuses({"evaluate", "--model", kModel, "--data", kScenes, "--format", "coco", "--methods", "rollout", "--per-layer",
           "--out", path("results")},
          "add legrad");
}

TEST_F(Evaluate, SaysSoWhereNothingCouldBeMeasured) {
  const auto data = folder_ / "cats";
  std::filesystem::create_directories(data / "cat");
  std::ofstream(data / "cat/one.png") << "no picture";
  const Ran ran = runs(evaluate_of(data.string(), "folders", path("results"), {"--metrics", "sparseness"}));
  EXPECT_EQ(ran.code, 2);
  EXPECT_TRUE(testing::contains(ran.err, "no picture could be measured, the first as"));
  EXPECT_TRUE(testing::contains(ran.err, "one.png"));
}

TEST_F(Evaluate, ListsItsMetrics) {
  const auto json = nlohmann::json::parse(succeeds({"metrics", "--json"}).out);
  std::vector<std::string> names;
  for (const auto& row : json) names.push_back(row.at("name"));
  for (const char* name :
       {"pixel_ap", "pointing", "pointing_15", "own_over_other", "miou", "perturbation_positive_target"}) {
    EXPECT_NE(std::ranges::find(names, name), names.end()) << name;
  }
  EXPECT_TRUE(testing::contains(succeeds({"metrics"}).out, "pixel_ap"));
}

}  // namespace
}  // namespace legrad
