// Text in figures: every letter, in the order and the shapes of its script.
#include "image/letters.h"

#include <gtest/gtest.h>

#include <opencv2/core.hpp>

namespace legrad::image {
namespace {

const Font kFont = {.height = 24};

/// Black text on white, cut to what is drawn.
cv::Mat drawn(const std::string& text) {
  cv::Mat canvas(80, 60 + text_width(text, kFont), CV_8UC3, cv::Scalar::all(255));
  put_text(canvas, text, {30, 50}, kFont);
  cv::Mat grey;
  cv::transform(255 - canvas, grey, cv::Matx13f(1, 1, 1));
  int left = 0;
  int right = grey.cols;
  while (left < right && cv::countNonZero(grey.col(left)) == 0) ++left;
  while (right > left && cv::countNonZero(grey.col(right - 1)) == 0) --right;
  return canvas(cv::Rect(left, 0, right - left, canvas.rows)).clone();
}

bool same(const cv::Mat& a, const cv::Mat& b) { return a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0; }

TEST(Letters, OfEveryScriptAreDrawnAndDiffer) {
  const std::vector<std::string> texts = {"?", "ж", "ш", "λ", "ß", "é", "ק", "ب", "\u2192"};
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_GT(drawn(texts[i]).cols, 0) << texts[i];
    for (size_t j = 0; j < i; ++j) EXPECT_FALSE(same(drawn(texts[i]), drawn(texts[j]))) << texts[i] << texts[j];
  }
}

// A letter that no font has is a box with its number: never nothing, and not the same for all.
TEST(Letters, WithoutAFontAreToldApart) {
  const auto one = drawn("\U00016a40");
  EXPECT_GT(one.cols, 0);
  EXPECT_FALSE(same(one, drawn("\U00016a41")));
}

TEST(Letters, RunFromTheRightWhereTheirScriptDoes) {
  const auto first = drawn("ש");
  const auto both = drawn("של");
  ASSERT_GT(both.cols, first.cols);
  EXPECT_TRUE(same(both.colRange(both.cols - first.cols, both.cols), first)) << "the first letter stands to the right";
}

TEST(Letters, AreJoinedWhereTheirScriptJoinsThem) {
  const std::string apart = "\u200c";  // a zero-width non-joiner
  EXPECT_LT(text_width("قطة", kFont), text_width("ق" + apart + "ط" + apart + "ة", kFont));
}

TEST(Letters, StandInOneLineWhateverTheBytes) {
  EXPECT_TRUE(same(drawn("a\nb\tc"), drawn("a b c")));
  EXPECT_GT(drawn("\xff\xfe").cols, 0);
  EXPECT_EQ(text_width("", kFont), 0);
  EXPECT_LT(text_width(std::string(1 << 20, 'W'), kFont), 100'000) << "no figure has room for more";
}

TEST(Letters, TakeTheColourAskedFor) {
  cv::Mat canvas(40, 80, CV_8UC3, cv::Scalar::all(255));
  put_text(canvas, "\u2588\u2588", {10, 30}, {.height = 20, .colour = {200, 100, 50}});  // full blocks
  EXPECT_EQ(canvas.at<cv::Vec3b>(25, 20), cv::Vec3b(200, 100, 50));
}

TEST(Letters, LeaveTheCanvasUnharmed) {
  cv::Mat canvas(20, 20, CV_8UC3, cv::Scalar::all(255));
  for (const cv::Point start : {cv::Point(-50, 10), cv::Point(15, 3), cv::Point(5, 60), cv::Point(1000, -1000)})
    put_text(canvas, "a long line of text", start, kFont);
  SUCCEED();
}

TEST(Letters, AreWrappedAtBlanksAndInLongWords) {
  const int width = text_width("a green car", kFont);
  EXPECT_EQ(wrapped("a green car above a tortoise", width, kFont),
            (std::vector<std::string>{"a green car", "above a", "tortoise"}));
  for (const auto& line : wrapped(std::string(30, 'W'), width, kFont)) EXPECT_LE(text_width(line, kFont), width + 1);
  const auto many = wrapped(std::string(900, 'W'), width, kFont);
  EXPECT_EQ(many.size(), 8U);
  EXPECT_TRUE(many.back().ends_with("…"));
}

}  // namespace
}  // namespace legrad::image
