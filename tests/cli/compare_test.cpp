#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "support/legrad_program.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::Arguments;
using testing::Ran;
using testing::scene;
using testing::operator+;

class Compare : public testing::LegradProgram {
 protected:
  Arguments compare(const Arguments& more) const {
    return Arguments{"compare", "--model", kModel, "--image", path("scene.png"), path("more/scene.png"),
                     "--cell",  "60"} +
           more;
  }
};

TEST_F(Compare, DrawsAllMethodsInOneFigure) {
  const Ran ran = succeeds(compare({"--class", "1", "--class", "2", "--out", path("new/all.png")}));
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 5) << ran.out;  // a header, and each picture's two targets
  EXPECT_EQ(folder_.entries(), before_ + 2);                   // new, and the figure in it
  const at::Tensor figure = read_image(path("new/all.png"));
  EXPECT_GT(figure.size(0), 4 * 40);
  EXPECT_LT(figure.size(0), 4 * 40 + 80);
  EXPECT_GT(figure.size(1), 10 * 60);  // the picture, and the paper's nine methods
  EXPECT_LT(figure.size(1), 10 * 60 + 160);
}

TEST_F(Compare, DrawsOneMethodWithOtherOptionsInAColumnOfItsOwn) {
  const nlohmann::json specs = {"rollout", "legrad", "legrad/layers=0,-1"};
  const Ran ran = succeeds(
      compare({"--methods", "rollout,legrad,legrad/layers=0,-1", "--per-layer", "--json", "--out", path("three.png")}));
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json.at("methods"), specs);
  ASSERT_EQ(json.at("rows").size(), 2);
  for (const auto& row : json.at("rows")) {  // every block's share, whatever layers a column has
    const auto shares = row.at("gradient_share").get<std::vector<double>>();
    EXPECT_EQ(static_cast<int64_t>(shares.size()), vit().structure().blocks);
    EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-5);
  }
  EXPECT_GT(read_image(path("three.png")).size(1), 4 * 60);
}

TEST_F(Compare, ExplainsBlocksAsItsLegrad) {
  const auto shares = [&](const std::string& methods) {
    const Ran ran =
        succeeds(compare({"--class", "3", "--methods", methods, "--per-layer", "--json", "--out", path("x.png")}));
    return nlohmann::json::parse(ran.out).at("rows")[0].at("gradient_share").get<std::vector<double>>();
  };
  const at::Tensor input = preprocess(scene(), vit().structure().image->size, bundle().preprocessing);
  const auto expected = [&](const LegradOptions& options) {
    const at::Tensor share = legrad_by_layer(vit(), input, {3}, options).gradient_share.flatten().to(at::kDouble);
    return std::vector<double>(share.data_ptr<double>(), share.data_ptr<double>() + share.numel());
  };
  const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](double x, double y) { return std::abs(x - y) < 1e-4; });
  };
  const auto mean = shares("rollout,legrad/readout=token_mean,legrad");
  EXPECT_TRUE(near(mean, expected({.readout = Readout::kTokenMean})));
  EXPECT_FALSE(near(mean, expected({})));
  EXPECT_TRUE(near(shares("rollout"), expected({})));
}

TEST_F(Compare, RefusesFiguresItCannotWrite) {
  refuses({"compare", "--model", kModel, "--image", path("scene.png")}, "--out is required");
  refuses(compare({"--out", path("x.png"), "--methods", "legrad,rolout"}), "the nearest first: rollout");
  refuses(compare({"--out", path("x.png"), "--methods", "legrad,legrad"}), "given twice");
  refuses({"compare", "--model", kModel, "--image", path("scene.png"), "--out", path("x.png"), "--cell", "1"},
          "--cell");
  refuses(compare({"--out", path("x.gif")}), "--out");
  refuses(compare({"--out", path("scene.png")}), "one of the pictures");
  refuses(compare({"--out", path("scene.png/x.png")}), "--out");
  fs::create_directory(folder_ / "folder.png");
  refuses(compare({"--out", path("folder.png")}), "is a folder");
}

}  // namespace
}  // namespace legrad
