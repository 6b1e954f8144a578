// Tables as JSON, CSV, Markdown and text.
#include <legrad/eval/table.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "eval/numbers.h"
#include "eval/ranking.h"

namespace legrad::eval {
namespace {

using Json = nlohmann::ordered_json;

Json number(std::optional<double> value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string csv_number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return "";
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.17g", *value);
  return text.data();
}

/// In a cell of a Markdown table.
std::string markdown_cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '<' || c == '*' || c == '_' || c == '`') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

std::string table_json(const Table& table) {
  Json json = {{"settings", Json::parse(table.settings)}, {"pictures", table.pictures}};
  Json left_out = Json::array();
  for (const auto& [id, why] : table.left_out) left_out.push_back({{"id", id}, {"why", why}});
  json["left_out"] = {{"count", table.left_out_count}, {"first", std::move(left_out)}};
  for (const MetricSummary& metric : table.metrics) {
    json["metrics"].push_back(
        {{"name", metric.name},
         {"explains", metric.explains},
         {"source", metric.source},
         {"formula", metric.formula},
         {"higher_is_better", metric.higher_is_better},
         {"tells_from_random", metric.tells_from_random ? Json(*metric.tells_from_random) : Json()}});
  }
  json["rows"] = Json::array();
  for (const Row& row : table.rows) {
    json["rows"].push_back({{"method", row.method},
                            {"control", row.control},
                            {"metric", row.metric},
                            {"value", number(row.value)},
                            {"stderr", number(row.error)},
                            {"count", row.count},
                            {"from_best", number(row.from_best)},
                            {"from_best_stderr", number(row.from_best_error)},
                            {"beats_random", row.beats_random ? Json(*row.beats_random) : Json()}});
  }
  for (const DrawnCurve& drawn : table.curves) {
    json["curves"].push_back(
        {{"method", drawn.method}, {"name", drawn.curve.name}, {"x", drawn.curve.x}, {"y", drawn.curve.y}});
  }
  if (table.layers) {
    json["layers"] = {{"pictures", table.layers->pictures},
                      {"gradient_share", table.layers->share},
                      {"gradient_share_stderr", table.layers->share_error},
                      {"prefix_share", table.layers->prefix_share}};
    for (const auto& of_class : table.layers->classes) {
      json["layers"]["classes"].push_back(
          {{"name", of_class.name}, {"pictures", of_class.pictures}, {"gradient_share", of_class.share}});
    }
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string table_csv(const Table& table) {
  std::string text = "method,control,metric,value,stderr,count,from_best,from_best_stderr,beats_random\n";
  for (const Row& row : table.rows) {
    text += csv_cell(row.method) + (row.control ? ",1," : ",0,") + csv_cell(row.metric) + "," + csv_number(row.value) +
            "," + csv_number(row.error) + "," + csv_number(row.count) + "," + csv_number(row.from_best) + "," +
            csv_number(row.from_best_error) + "," + (row.beats_random ? (*row.beats_random ? "1" : "0") : "") + "\n";
  }
  return text;
}

std::string table_markdown(const Table& table) {
  std::ostringstream text;
  text << "# Which map tells the truth\n\n" << table.pictures << " pictures measured";
  if (table.left_out_count > 0) text << ", " << table.left_out_count << " left out";
  text << ". Errors are standard errors over pictures (bootstrap), the same draws for every row, so differences are\n"
          "paired. Rows in italics are controls.\n";
  for (const MetricSummary& metric : table.metrics) {
    text << "\n## " << metric.name << "\n\n"
         << metric.explains << "; " << (metric.higher_is_better ? "higher" : "lower") << " is better. "
         << metric.formula << " (" << metric.source << ")\n\n";
    if (const auto said = verdict(metric); !said.empty()) {
      const char* strong = *metric.tells_from_random ? "" : "**";
      text << strong << said << strong << "\n\n";
    }
    text << "| map | value | from the best | above random | count |\n|---|---|---|---|---|\n";
    for (const Row& row : ranked(table, metric)) {
      const std::string name = markdown_cell(row.method);
      text << "| " << (row.control ? "*" + name + "*" : "`" + row.method + "`") << " | "
           << with_error(row.value, row.error) << " | "
           << (row.from_best ? with_error(*row.from_best, row.from_best_error) : "–") << " | "
           << (row.beats_random ? (*row.beats_random ? "yes" : "no") : "–") << " | " << row.count << " |\n";
    }
  }
  if (table.layers) {
    text
        << "\n## What LeGrad sees in every block\n\nShares of the positive gradient (LeGrad's supplement, §10), and of "
           "that on tokens that are no patches (§7.2); means over "
        << table.layers->pictures << " pictures.\n\n| block | share | on prefix tokens |\n|---|---|---|\n";
    for (size_t l = 0; l < table.layers->share.size(); ++l) {
      text << "| " << l << " | " << with_error(table.layers->share[l], table.layers->share_error[l]) << " | "
           << decimals(table.layers->prefix_share[l]) << " |\n";
    }
    if (!table.layers->classes.empty()) {
      text << "\nBy class, shares by block:\n\n| class | pictures |";
      for (size_t l = 0; l < table.layers->share.size(); ++l) text << ' ' << l << " |";
      text << "\n|---|---|";
      for (size_t l = 0; l < table.layers->share.size(); ++l) text << "---|";
      text << '\n';
      for (const auto& of_class : table.layers->classes) {
        text << "| " << markdown_cell(of_class.name) << " | " << of_class.pictures << " |";
        for (const double share : of_class.share) text << ' ' << decimals(share, 3) << " |";
        text << '\n';
      }
    }
  }
  text << "\n## Settings\n\n```json\n" << Json::parse(table.settings).dump(2) << "\n```\n";
  if (table.left_out.empty()) return text.str();
  text << "\n## Left out\n\n";
  for (const auto& [id, why] : table.left_out) text << "- " << markdown_cell(id) << ": " << markdown_cell(why) << "\n";
  if (table.left_out_count > static_cast<int64_t>(table.left_out.size())) text << "- …\n";
  return text.str();
}

std::string table_text(const Table& table) {
  std::ostringstream text;
  for (const MetricSummary& metric : table.metrics) {
    text << (&metric == table.metrics.data() ? "" : "\n") << metric.name << ": " << metric.explains << " ("
         << (metric.higher_is_better ? "higher" : "lower") << " is better)\n";
    if (const auto said = verdict(metric); !said.empty()) text << "  " << said << "\n";
    const auto rows = ranked(table, metric);
    size_t width = 0;
    for (const Row& row : rows) width = std::max(width, row.method.size());
    for (const Row& row : rows) {
      text << "  " << row.method << std::string(width - row.method.size() + 2, ' ') << with_error(row.value, row.error)
           << (row.control ? "  control" : "") << "\n";
    }
  }
  return text.str();
}

}  // namespace legrad::eval
