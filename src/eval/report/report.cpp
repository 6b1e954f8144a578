#include <legrad/eval/report.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "eval/numbers.h"
#include "eval/ranking.h"
#include "eval/report/html.h"
#include "eval/report/page.h"
#include "image/encode.h"

namespace legrad::eval {
namespace {

/// From the least to the greatest of what a metric's rows and their errors reach, with 0 in it.
struct Scale {
  double least = 0;
  double most = 0;
  explicit Scale(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      if (!std::isfinite(row.value)) continue;
      const double reach = 2 * row.error.value_or(0);
      least = std::min(least, row.value - reach);
      most = std::max(most, row.value + reach);
    }
    if (most - least <= 0) most = least + 1;
  }
  double at(double value) const { return 100 * (value - least) / (most - least); }
};

/// A bar from 0 to the value, and a line of two standard errors to both sides.
std::string bar(const Row& row, const Scale& scale) {
  if (!std::isfinite(row.value)) return "";
  const double left = std::min(scale.at(0), scale.at(row.value));
  std::string svg =
      "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect x=\"" +
      decimals(left, 2) + "\" y=\"1\" width=\"" + decimals(std::abs(scale.at(row.value) - scale.at(0)), 2) +
      "\" height=\"8\"/>";
  if (row.error) {
    svg += "<line x1=\"" + decimals(scale.at(row.value - 2 * *row.error), 2) + "\" x2=\"" +
           decimals(scale.at(row.value + 2 * *row.error), 2) + "\" y1=\"5\" y2=\"5\"/>";
  }
  return svg + "</svg>";
}

std::string sortable(const std::string& heading) {
  return "<th scope=\"col\"><button type=\"button\">" + heading + "</button></th>";
}

void write_metric(std::ostream& page, const Table& table, const MetricSummary& metric) {
  const auto rows = ranked(table, metric);
  const Scale scale(rows);
  page << "<section><h2 id=\"" << escaped(metric.name) << "\">" << escaped(metric.name) << "</h2><p>"
       << escaped(metric.explains) << "; " << (metric.higher_is_better ? "higher" : "lower") << " is better. "
       << escaped(metric.formula) << " (" << escaped(metric.source) << ")</p>";
  if (const auto said = verdict(metric); !said.empty()) {
    page << "<p class=\"" << (*metric.tells_from_random ? "soft" : "warn") << "\">" << escaped(said) << "</p>";
  }
  page << "<div class=\"scroll\"><table class=\"sortable\"><caption class=\"soft\">" << escaped(metric.name)
       << "; controls in italics</caption><thead><tr>" << sortable("map") << sortable("value")
       << "<th scope=\"col\">± 2 standard errors</th>" << sortable("from the best") << sortable("above random")
       << sortable("count") << "</tr></thead><tbody>";
  for (const Row& row : rows) {
    const auto behind = row.from_best ? with_error(*row.from_best, row.from_best_error) : std::string("–");
    page << "<tr" << (row.control ? " class=\"control\"" : "") << "><th scope=\"row\">" << escaped(row.method)
         << "</th><td class=\"number\" data-value=\"" << decimals(row.value, 9) << "\">"
         << with_error(row.value, row.error) << "</td><td>" << bar(row, scale)
         << "</td><td class=\"number\" data-value=\"" << decimals(row.from_best.value_or(NAN), 9) << "\">" << behind
         << "</td><td>" << (row.beats_random ? (*row.beats_random ? "yes" : "no") : "–") << "</td><td class=\"number\">"
         << row.count << "</td></tr>";
  }
  page << "</tbody></table></div></section>\n";
}

constexpr std::array kColours = {"#2b6cb0", "#c05621", "#2f855a", "#b83280", "#6b46c1", "#b7791f",
                                 "#2c7a7b", "#9b2c2c", "#4a5568", "#d53f8c", "#3182ce", "#718096"};

/// How a curve is drawn: a method's in the next colour, the two controls each in its own grey and dashes.
struct Stroke {
  std::string colour;
  std::string dashes;
};

Stroke stroke_of(const DrawnCurve& curve, size_t number) {
  if (!curve.control) return {kColours[number % kColours.size()], "none"};
  return curve.method == "random" ? Stroke{"#9aa4b0", "4 3"} : Stroke{"#5a6472", "1 3"};
}

/// The curves of one name; of the controls two, since all of them would hide the methods'.
void write_curves(std::ostream& page, const Table& table, const std::string& name) {
  constexpr double kWidth = 480;
  constexpr double kHeight = 260;
  constexpr double kEdge = 36;
  std::vector<const DrawnCurve*> drawn;
  for (const DrawnCurve& curve : table.curves) {
    const bool shown = !curve.control || curve.method == "random" || curve.method == "mask";
    if (curve.curve.name == name && shown && !curve.curve.x.empty()) drawn.push_back(&curve);
  }
  if (drawn.empty()) return;
  double most_x = 0;
  double most_y = 0;
  double least_y = 0;
  for (const DrawnCurve* curve : drawn) {
    most_x = std::max(most_x, std::ranges::max(curve->curve.x));
    most_y = std::max(most_y, std::ranges::max(curve->curve.y));
    least_y = std::min(least_y, std::ranges::min(curve->curve.y));
  }
  if (most_x <= 0) most_x = 1;
  if (most_y <= 0) most_y = 1;
  const auto across = [&](double x) { return decimals(kEdge + x / most_x * (kWidth - kEdge - 8), 1); };
  const auto up = [&](double y) {
    return decimals(kHeight - kEdge - (y - least_y) / (most_y - least_y) * (kHeight - kEdge - 8), 1);
  };
  page << "<h3>" << escaped(name) << "</h3><svg class=\"curves\" role=\"img\" aria-label=\"" << escaped(name)
       << ", a curve for each method; what it comes to is in the table above\" viewBox=\"0 0 " << kWidth << ' '
       << kHeight << "\">";
  page << "<line x1=\"" << across(0) << "\" x2=\"" << across(most_x) << "\" y1=\"" << up(0) << "\" y2=\"" << up(0)
       << "\"/><line x1=\"" << across(0) << "\" x2=\"" << across(0) << "\" y1=\"" << up(least_y) << "\" y2=\""
       << up(most_y) << "\"/><text x=\"" << across(most_x) << "\" y=\"" << kHeight - 12 << "\" text-anchor=\"end\">"
       << decimals(most_x, 2) << "</text><text x=\"4\" y=\"14\">" << decimals(most_y, 2) << "</text>";
  for (size_t i = 0; i < drawn.size(); ++i) {
    const Stroke stroke = stroke_of(*drawn[i], i);
    page << "<polyline stroke=\"" << stroke.colour << "\" stroke-dasharray=\"" << stroke.dashes << "\" points=\"";
    for (size_t k = 0; k < drawn[i]->curve.x.size(); ++k) {
      page << across(drawn[i]->curve.x[k]) << ',' << up(drawn[i]->curve.y[k]) << ' ';
    }
    page << "\"><title>" << escaped(drawn[i]->method) << "</title></polyline>";
  }
  page << "</svg><p class=\"soft\">";
  for (size_t i = 0; i < drawn.size(); ++i) {
    page << "<span style=\"color:" << stroke_of(*drawn[i], i).colour << "\">&#9632;</span> "
         << escaped(drawn[i]->method) << (i + 1 < drawn.size() ? " &nbsp; " : "");
  }
  page << "</p>";
}

void write_layers_of_classes(std::ostream& page, const LayerTable& layers) {
  page << "<details><summary>By class</summary><div class=\"scroll\"><table class=\"sortable\"><caption class=\"soft\">"
          "Shares of the positive gradient by block</caption><thead><tr>"
       << sortable("class") << sortable("pictures");
  for (size_t l = 0; l < layers.share.size(); ++l) page << sortable(std::to_string(l));
  page << "</tr></thead><tbody>";
  for (const LayerTable::OfClass& of_class : layers.classes) {
    page << "<tr><th scope=\"row\">" << escaped(of_class.name) << "</th><td class=\"number\">" << of_class.pictures
         << "</td>";
    for (const double share : of_class.share) page << "<td class=\"number\">" << decimals(share, 3) << "</td>";
    page << "</tr>";
  }
  page << "</tbody></table></div></details>";
}

void write_layers(std::ostream& page, const LayerTable& layers) {
  std::vector<Row> rows;
  for (size_t l = 0; l < layers.share.size(); ++l) {
    rows.push_back({"block " + std::to_string(l), false, {}, layers.share[l], layers.share_error[l], 0, {}, {}, {}});
  }
  const Scale scale(rows);
  page << "<section><h2 id=\"layers\">What LeGrad sees in every block</h2><p>Shares of the positive gradient, and of "
          "that on "
          "tokens that are no patches; means over "
       << layers.pictures << " pictures.</p><div class=\"scroll\"><table class=\"sortable\"><thead><tr>"
       << sortable("block") << sortable("share") << "<th scope=\"col\">± 2 standard errors</th>"
       << sortable("on prefix tokens") << "</tr></thead><tbody>";
  for (size_t l = 0; l < rows.size(); ++l) {
    page << "<tr><th scope=\"row\" data-value=\"" << l << "\">" << rows[l].method
         << "</th><td class=\"number\" data-value=\"" << decimals(rows[l].value, 9) << "\">"
         << with_error(rows[l].value, rows[l].error) << "</td><td>" << bar(rows[l], scale)
         << "</td><td class=\"number\">" << decimals(layers.prefix_share[l]) << "</td></tr>";
  }
  page << "</tbody></table></div>";
  if (!layers.classes.empty()) write_layers_of_classes(page, layers);
  page << "</section>\n";
}

std::string image_of_heat(const at::Tensor& heat) {
  return data_url("image/png", image::encoded(".png", image::heat_colours(heat)));
}

void write_stack(std::ostream& page, const std::string& below, const at::Tensor& heat, const std::string& about,
                 const std::string& caption) {
  page << "<figure><div class=\"stack\"><img src=\"" << below << "\" alt=\"\"><img src=\"" << image_of_heat(heat)
       << "\" alt=\"" << escaped(about) << "\"></div><figcaption>" << escaped(caption) << "</figcaption></figure>";
}

// Figure 8 of the paper: the picture as what a method calls hottest goes.
void write_strips(std::ostream& page, const GalleryPicture& picture) {
  if (picture.strips.empty()) return;
  page << "<details><summary>As the hottest pixels go, 10 % to 90 % (framed: " << escaped(picture.asked)
       << " is still what scores best)</summary><div class=\"scroll\"><table class=\"strips\"><tbody>";
  for (const auto& strip : picture.strips) {
    page << "<tr><th scope=\"row\">" << escaped(strip.method) << "</th>";
    for (size_t step = 0; step < strip.steps.size(); ++step) {
      const auto& [shown, holds] = strip.steps[step];
      page << "<td><img" << (holds ? " class=\"holds\"" : "") << " src=\""
           << data_url("image/jpeg", image::encoded(".jpg", shown)) << "\" alt=\"" << 10 * (step + 1)
           << " % gone: " << (holds ? "still " : "no longer ") << escaped(picture.asked) << "\"></td>";
    }
    page << "</tr>";
  }
  page << "</tbody></table></div></details>";
}

void write_gallery(std::ostream& page, const std::vector<GalleryPicture>& pictures) {
  if (pictures.empty()) return;
  const size_t layers = pictures.front().layers.size();
  page << "<section><h2 id=\"gallery\">Pictures</h2><p>What every method sees of one class, from least (clear) to most "
          "(red), each map for itself.</p><div class=\"tools\"><label for=\"opacity\">Opacity <input id=\"opacity\" "
          "type=\"range\" min=\"0\" max=\"100\" value=\"80\"></label>";
  if (layers > 0) {
    page << "<label for=\"layer\">LeGrad's <output id=\"layer-name\" for=\"layer\">block</output> <input id=\"layer\" "
            "type=\"range\" min=\"0\" max=\""
         << layers - 1 << "\" value=\"" << layers - 1 << "\"></label>";
  }
  page << "</div>";
  for (const GalleryPicture& picture : pictures) {
    const std::string below = data_url("image/jpeg", image::encoded(".jpg", picture.picture));
    page << "<h3>" << escaped(picture.asked) << " <span class=\"soft\">" << escaped(picture.id)
         << "</span></h3><div class=\"gallery\"><figure><div class=\"stack\"><img src=\"" << below
         << "\" alt=\"the picture\"></div><figcaption>picture</figcaption></figure>";
    for (const auto& [name, heat] : picture.maps) {
      write_stack(page, below, heat, "what " + name + " sees of " + picture.asked, name);
    }
    if (!picture.layers.empty()) {
      page << "<figure><div class=\"stack\"><img src=\"" << below << "\" alt=\"\">";
      for (size_t l = 0; l < picture.layers.size(); ++l) {
        page << "<img data-layer=\"" << l << "\"" << (l + 1 < picture.layers.size() ? " hidden" : "") << " src=\""
             << image_of_heat(picture.layers[l]) << "\" alt=\"LeGrad's block " << l << "\">";
      }
      page << "</div><figcaption>LeGrad, one block</figcaption></figure>";
    }
    page << "</div>";
    write_strips(page, picture);
  }
  page << "</section>\n";
}

}  // namespace

std::string report_html(const Table& table, const std::vector<GalleryPicture>& pictures) {
  std::ostringstream page;
  page << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" "
          "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
          "<title>Which map tells the truth</title><style>"
       << kPageStyle << "</style></head><body>\n<header><h1>Which map tells the truth</h1><p>" << table.pictures
       << " pictures measured, " << table.left_out_count
       << " left out. Errors are standard errors over pictures (bootstrap), from the same draws for every row, so "
          "differences are paired.</p><nav aria-label=\"Metrics\"><ul>";
  for (const MetricSummary& metric : table.metrics) {
    page << "<li><a href=\"#" << escaped(metric.name) << "\">" << escaped(metric.name) << "</a></li>";
  }
  if (!table.curves.empty()) page << "<li><a href=\"#curves\">curves</a></li>";
  if (table.layers) page << "<li><a href=\"#layers\">blocks</a></li>";
  if (!pictures.empty()) page << "<li><a href=\"#gallery\">pictures</a></li>";
  page << "<li><a href=\"#settings\">settings</a></li></ul></nav></header>\n<main>";
  for (const MetricSummary& metric : table.metrics) write_metric(page, table, metric);
  std::set<std::string> names;
  for (const DrawnCurve& drawn : table.curves) names.insert(drawn.curve.name);
  if (!names.empty()) page << "<section><h2 id=\"curves\">Curves</h2>";
  for (const std::string& name : names) write_curves(page, table, name);
  if (!names.empty()) page << "</section>";
  if (table.layers) write_layers(page, *table.layers);
  write_gallery(page, pictures);
  page << "<section><h2 id=\"settings\">Settings</h2><pre>"
       << escaped(nlohmann::ordered_json::parse(table.settings).dump(2)) << "</pre>";
  if (!table.left_out.empty()) {
    page << "<h3>Left out</h3><ul>";
    for (const auto& [id, why] : table.left_out) page << "<li>" << escaped(id) << ": " << escaped(why) << "</li>";
    page << "</ul>";
  }
  page << "</section></main><script>" << kPageScript << "</script></body></html>\n";
  return page.str();
}

}  // namespace legrad::eval
