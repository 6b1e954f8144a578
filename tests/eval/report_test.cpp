// A report is one page that loads nothing, in which text from data stays text.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/eval/report.h>

#include <string>

#include "eval/report/html.h"
#include "eval/scenes.h"
#include "support/message_of.h"

namespace legrad::eval {
namespace {

using testing::contains;

TEST(Report, WritesTextAsText) {
  EXPECT_EQ(escaped(R"(<b title="a">&'</b>)"), "&lt;b title=&quot;a&quot;&gt;&amp;&#39;&lt;/b&gt;");
  EXPECT_EQ(data_url("a/b", "Man"), "data:a/b;base64,TWFu");
  EXPECT_EQ(data_url("a/b", "Ma"), "data:a/b;base64,TWE=");
  EXPECT_EQ(data_url("a/b", "M"), "data:a/b;base64,TQ==");
}

TEST(Report, HoldsAllAndLoadsNothing) {
  const std::string evil = "</script><img src=x onerror=alert(1)>";
  Table table;
  table.settings = R"({"data":"</pre><script>alert(1)</script>"})";
  table.metrics = {{"pixel_ap", evil, evil, evil, true, false}};
  table.rows = {{evil, false, "pixel_ap", 0.5, 0.1, 3, 0.0, 0.0, true}};
  table.left_out = {{evil, evil}};
  table.curves = {{"legrad", false, {"positive", {0.1, 0.9}, {1, 0.2}}}};
  const GalleryPicture picture{
      evil, evil, at::zeros({8, 8, 3}, at::kByte), {{evil, at::rand({8, 8})}}, {at::rand({8, 8})}};
  const std::string page = report_html(table, {picture});
  EXPECT_FALSE(contains(page, "<img src=x"));
  EXPECT_FALSE(contains(page, "<script>alert"));
  EXPECT_TRUE(contains(page, "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"));
  EXPECT_FALSE(contains(page, "http://"));
  EXPECT_FALSE(contains(page, "https://"));
  EXPECT_TRUE(contains(page, "ranks nothing"));
  EXPECT_TRUE(contains(page, "<polyline"));
  EXPECT_TRUE(contains(page, "data:image/png;base64,"));
}

TEST(Report, ShowsWhatEveryMethodSees) {
  const auto data = test::scenes();
  const Evaluation evaluation(test::emoji_vit(), *data, {.metrics = "perturbation", .controls = "mask"});
  const auto pictures = gallery(evaluation, *data, 2);
  ASSERT_EQ(pictures.size(), 2);
  EXPECT_EQ(pictures[0].picture.sizes(), (std::vector<int64_t>{112, 112, 3}));
  ASSERT_EQ(pictures[0].maps.size(), 3);
  EXPECT_EQ(pictures[0].maps[2].first, "mask");
  EXPECT_EQ(pictures[0].layers.size(), static_cast<size_t>(test::emoji_vit().vit().structure().blocks));
  for (const auto& [name, heat] : pictures[0].maps) {
    EXPECT_EQ(heat.max().item<float>(), 1) << name;
    EXPECT_EQ(heat.min().item<float>(), 0) << name;
  }

  ASSERT_EQ(pictures[0].strips.size(), 2U) << "of methods alone";
  for (const auto& [method, steps] : pictures[0].strips) {
    SCOPED_TRACE(method);
    ASSERT_EQ(steps.size(), 9U);
    const auto black = [](const at::Tensor& picture) {
      return picture.eq(0).all(2).sum().item<double>() / (112 * 112);
    };
    EXPECT_NEAR(black(steps[0].first), 0.1, 0.03);
    EXPECT_NEAR(black(steps[8].first), 0.9, 0.03);
  }
  Table table;
  table.settings = "{}";
  const std::string page = report_html(table, pictures);
  EXPECT_TRUE(contains(page, "As the hottest pixels go"));
  EXPECT_TRUE(contains(page, "90 % gone: "));
}

}  // namespace
}  // namespace legrad::eval
