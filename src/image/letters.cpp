#include "image/letters.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <sstream>

namespace legrad::image {
namespace {

// OpenCV's stroke font is drawn this many times larger and averaged down: its own smoothing leaves steps.
constexpr int kLarger = 8;
constexpr int kFace = cv::FONT_HERSHEY_DUPLEX;

double scale(const Font& font) {
  constexpr double kCapitals = 21;  // pixels of a capital letter at scale 1
  return kLarger * font.height / kCapitals;
}

int stroke(const Font& font) { return std::max(1, kLarger * font.height / (font.bold ? 6 : 10)); }

/// Each letter outside ASCII, and what is no letter, as one '?'.
std::string plain(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if ((code & 0xc0) != 0x80) result += code < 0x20 || code > 0x7e ? '?' : letter;
  }
  return result;
}

std::string shortened(std::string word, int width, const Font& font) {
  if (text_width(word, font) <= width) return word;
  while (!word.empty() && text_width(word + "...", font) > width) word.pop_back();
  return word + "...";
}

}  // namespace

int text_width(const std::string& text, const Font& font) {
  int below = 0;
  const auto size = cv::getTextSize(plain(text), kFace, scale(font), stroke(font), &below);
  return (size.width + kLarger - 1) / kLarger;
}

void put_text(cv::Mat& canvas, const std::string& text, cv::Point start, const Font& font) {
  const int margin = font.height;
  const cv::Rect box(start.x - margin, start.y - 2 * font.height, text_width(text, font) + 2 * margin, 3 * font.height);
  const cv::Rect visible = box & cv::Rect(0, 0, canvas.cols, canvas.rows);
  if (visible.empty()) return;
  cv::Mat large(box.height * kLarger, box.width * kLarger, CV_8UC1, cv::Scalar(0));
  cv::putText(large, plain(text), {margin * kLarger, 2 * font.height * kLarger}, kFace, scale(font), cv::Scalar(255),
              stroke(font), cv::LINE_AA);
  cv::Mat cover;
  cv::resize(large, cover, box.size(), 0, 0, cv::INTER_AREA);
  cover = cover(visible - box.tl());
  for (int y = 0; y < visible.height; ++y) {
    for (int x = 0; x < visible.width; ++x) {
      auto& pixel = canvas.at<cv::Vec3b>(visible.y + y, visible.x + x);
      const double part = cover.at<unsigned char>(y, x) / 255.0;
      for (int c = 0; c < 3; ++c)
        pixel[c] = cv::saturate_cast<unsigned char>(pixel[c] + part * (font.colour[c] - pixel[c]));
    }
  }
}

std::vector<std::string> wrapped(const std::string& text, int width, const Font& font) {
  std::vector<std::string> lines;
  std::istringstream words(plain(text));
  for (std::string word; words >> word;) {
    word = shortened(word, width, font);
    const std::string longer = lines.empty() ? word : lines.back() + " " + word;
    if (lines.empty() || text_width(longer, font) > width) {
      lines.push_back(word);
    } else {
      lines.back() = longer;
    }
  }
  return lines;
}

}  // namespace legrad::image
