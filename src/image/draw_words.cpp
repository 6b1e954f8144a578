#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/image/words.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "image/letters.h"

namespace legrad {
namespace {

constexpr double kDark = 30;  // grey levels of letters on light and on dark colours
constexpr double kLight = 255;
constexpr double kBetween = 110;  // a colour's luma, below which it is dark
const image::Font kFont = {.height = 16, .bold = false, .colour = cv::Scalar::all(kDark)};
constexpr int kPadding = 8;  // around a word, inside its colour
constexpr int kGap = 6;      // between words, and around all of them
constexpr int kRow = 16 + 2 * kPadding;

/// Where each word's colour goes.
std::vector<cv::Rect> places(const std::vector<HotWord>& words, int width) {
  std::vector<cv::Rect> all;
  int x = kGap, y = kGap;
  for (const auto& word : words) {
    const int wide = std::min(image::text_width(word.text, kFont) + 2 * kPadding, width - 2 * kGap);
    if (x > kGap && x + wide + kGap > width) {
      x = kGap;
      y += kRow + kGap;
    }
    all.emplace_back(x, y, wide, kRow);
    x += wide + kGap;
  }
  return all;
}

/// Letters that can be read on a colour, RGB.
image::Font font_on(const cv::Vec3b& colour) {
  const double luma = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];  // ITU-R BT.601
  image::Font font = kFont;
  font.colour = cv::Scalar::all(luma < kBetween ? kLight : kDark);
  return font;
}

}  // namespace

at::Tensor draw_words(const std::vector<HotWord>& words, int64_t width, const OverlayStyle& style) {
  constexpr int64_t kLeast = 64, kMost = 1 << 14, kMostPixels = int64_t{1} << 27;
  if (words.empty()) throw InputError("draw_words: there is no word to draw");
  if (width < kLeast || width > kMost) {
    throw InputError(c10::str("draw_words: a width of ", width, " pixels; expected ", kLeast, " to ", kMost));
  }
  const auto boxes = places(words, static_cast<int>(width));
  const int64_t height = boxes.back().br().y + kGap;
  if (width * height > kMostPixels) throw InputError("draw_words: too many words for one figure");
  auto heat = at::zeros({height, width}, at::kFloat);
  for (size_t i = 0; i < words.size(); ++i) {
    const auto& box = boxes[i];
    heat.narrow(0, box.y, box.height).narrow(1, box.x, box.width).fill_(words[i].heat);
  }
  auto picture = overlay(at::full({height, width, 3}, 255, at::kByte), heat, style).contiguous();
  cv::Mat canvas(static_cast<int>(height), static_cast<int>(width), CV_8UC3, picture.data_ptr());
  for (size_t i = 0; i < words.size(); ++i) {
    const auto& box = boxes[i];
    const auto font = font_on(canvas.at<cv::Vec3b>(box.tl()));
    image::put_text(canvas, words[i].text, {box.x + kPadding, box.y + kPadding + kFont.height}, font);
  }
  return picture;
}

}  // namespace legrad
