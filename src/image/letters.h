#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

/// Text in any script, each letter from a font of the machine that has it, emoji in colour. Throws `InputError` where
/// the machine has no font at all.
namespace legrad::image {

struct Font {
  int height = 12;  ///< of capital letters, in pixels
  bool bold = false;
  cv::Scalar colour = {0, 0, 0};

  int line() const { return height * 17 / 10; }  ///< from one base line to the next
};

int text_width(const std::string& text, const Font& font);

/// Draws one line, smooth, its base line starting at `start`; on the canvas, which it may leave.
void put_text(cv::Mat& canvas, const std::string& text, cv::Point start, const Font& font);

/// `text` in lines of at most `width` pixels, broken at blanks, and within a word that is too long. Eight at most; the
/// last one ends with "…" where there would be more.
std::vector<std::string> wrapped(const std::string& text, int width, const Font& font);

}  // namespace legrad::image
