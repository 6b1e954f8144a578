#include "image/letters.h"

#include <legrad/error.h>
#include <pango/pangocairo.h>

#include <algorithm>
#include <memory>

namespace legrad::image {
namespace {

template <auto Free>
struct FreedBy {
  template <class T>
  void operator()(T* it) const {
    Free(it);
  }
};
using Layout = std::unique_ptr<PangoLayout, FreedBy<g_object_unref>>;
using Context = std::unique_ptr<PangoContext, FreedBy<g_object_unref>>;
using Face = std::unique_ptr<PangoFontDescription, FreedBy<pango_font_description_free>>;
using Options = std::unique_ptr<cairo_font_options_t, FreedBy<cairo_font_options_destroy>>;
using Surface = std::unique_ptr<cairo_surface_t, FreedBy<cairo_surface_destroy>>;
using Pen = std::unique_ptr<cairo_t, FreedBy<cairo_destroy>>;
using Bytes = std::unique_ptr<char, FreedBy<g_free>>;

// What a figure has room for; a prompt may be far longer.
constexpr size_t kMostBytes = 2000;
constexpr size_t kMostLines = 8;

/// What can be drawn on one line: UTF-8, whatever the bytes were, with a blank for each control character.
std::string drawable(const std::string& text) {
  const Bytes valid(g_utf8_make_valid(text.data(), static_cast<gssize>(std::min(text.size(), kMostBytes))));
  std::string result(valid.get());
  std::replace_if(
      result.begin(), result.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return result;
}

/// The machine's fonts, in grey steps and with places that no screen's pixels shift.
Context fonts() {
  PangoFontMap* map = pango_cairo_font_map_get_default();  // of this thread
  PangoFontFamily** families = nullptr;
  int count = 0;
  pango_font_map_list_families(map, &families, &count);
  g_free(families);
  if (count == 0) throw InputError("draw: no font is installed on this machine; install one, as fonts-dejavu-core");
  Context context(pango_font_map_create_context(map));
  const Options options(cairo_font_options_create());
  cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
  pango_cairo_context_set_font_options(context.get(), options.get());
  return context;
}

/// Takes the font that has each letter, joins and orders them as their script does.
Layout laid_out(const std::string& text, const Font& font) {
  constexpr double kCapitals = 0.73;  // of a font's size, as most sans-serif ones have them
  Layout layout(pango_layout_new(fonts().get()));
  const Face face(pango_font_description_new());
  pango_font_description_set_family(face.get(), "DejaVu Sans, Sans");
  pango_font_description_set_weight(face.get(), font.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_font_description_set_absolute_size(face.get(), font.height / kCapitals * PANGO_SCALE);
  pango_layout_set_font_description(layout.get(), face.get());
  const std::string line = drawable(text);
  pango_layout_set_text(layout.get(), line.data(), static_cast<int>(line.size()));
  return layout;
}

/// Draws the line on a transparent canvas of cairo's pixels: alpha, red, green and blue from a word's highest byte
/// down, colours times alpha.
void paint(cv::Mat& clear, PangoLayout* layout, cv::Point start, const cv::Scalar& colour) {
  const Surface surface(cairo_image_surface_create_for_data(clear.data, CAIRO_FORMAT_ARGB32, clear.cols, clear.rows,
                                                            static_cast<int>(clear.step)));
  const Pen pen(cairo_create(surface.get()));
  cairo_set_source_rgb(pen.get(), colour[0] / 255, colour[1] / 255, colour[2] / 255);
  cairo_move_to(pen.get(), start.x, start.y);
  pango_cairo_show_layout_line(pen.get(), pango_layout_get_line_readonly(layout, 0));
  cairo_surface_flush(surface.get());
}

}  // namespace

int text_width(const std::string& text, const Font& font) {
  int width = 0;
  pango_layout_get_pixel_size(laid_out(text, font).get(), &width, nullptr);
  return width;
}

void put_text(cv::Mat& canvas, const std::string& text, cv::Point start, const Font& font) {
  const Layout layout = laid_out(text, font);
  int width = 0;
  pango_layout_get_pixel_size(layout.get(), &width, nullptr);
  const int margin = font.height;
  const cv::Rect box(start.x - margin, start.y - 2 * font.height, width + 2 * margin, 3 * font.height);
  const cv::Rect visible = box & cv::Rect(0, 0, canvas.cols, canvas.rows);
  if (visible.empty()) return;
  cv::Mat line(visible.size(), CV_8UC4, cv::Scalar::all(0));
  paint(line, layout.get(), start - visible.tl(), font.colour);
  for (int y = 0; y < visible.height; ++y) {
    for (int x = 0; x < visible.width; ++x) {
      const auto over = line.ptr<uint32_t>(y)[x];
      auto& pixel = canvas.at<cv::Vec3b>(visible.y + y, visible.x + x);
      for (int c = 0; c < 3; ++c) {
        const double under = pixel[c] * (1 - (over >> 24) / 255.0);
        pixel[c] = cv::saturate_cast<unsigned char>(under + ((over >> (16 - 8 * c)) & 0xff));
      }
    }
  }
}

std::vector<std::string> wrapped(const std::string& text, int width, const Font& font) {
  const Layout layout = laid_out(text, font);
  pango_layout_set_width(layout.get(), width * PANGO_SCALE);
  pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
  const std::string whole(pango_layout_get_text(layout.get()));
  std::vector<std::string> lines;
  for (int i = 0; i < pango_layout_get_line_count(layout.get()); ++i) {
    if (lines.size() == kMostLines) {
      lines.back() += "…";
      break;
    }
    const PangoLayoutLine* line = pango_layout_get_line_readonly(layout.get(), i);
    std::string words = whole.substr(line->start_index, line->length);
    words.erase(words.find_last_not_of(' ') + 1);
    if (!words.empty()) lines.push_back(words);
  }
  return lines;
}

}  // namespace legrad::image
