#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/image.h>

#include <cstdint>
#include <string>
#include <vector>

/// Prompts whose words are coloured by how much they count. Link `legrad::image`.
namespace legrad {

/// A word and how hot it is, 0 to 1.
struct HotWord {
  std::string text;
  double heat = 0;
};

/// Draws words one behind another on white, each on the colour that an overlay of this style gives its heat, in lines
/// of `width` pixels at most; a word that is wider leaves the picture. Text of any script is drawn with the fonts of
/// the machine. Returns RGB bytes [H, W, 3], W being `width`. Throws `InputError` for no word, a width below 64 or
/// above 16384, a figure of more than 2^27 pixels, and a machine without a font.
at::Tensor draw_words(const std::vector<HotWord>& words, int64_t width = 640, const OverlayStyle& style = {});

}  // namespace legrad
