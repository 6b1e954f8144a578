#include "apps/commands/explained.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/terminal.h"
#include "io/words.h"

namespace legrad::apps {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using Json = nlohmann::ordered_json;

std::string scores_table(const std::vector<Explained>& explained) {
  const bool probabilities =
      std::ranges::any_of(explained, [](const auto& row) { return row.probability.has_value(); });
  Rows rows = {{"picture", "target", "score", "file"}};
  if (probabilities) rows[0].insert(rows[0].end() - 1, "probability");
  for (const Explained& one : explained) {
    std::vector<std::string> row = {io::one_line(one.picture), io::one_line(one.target), score_text(one.score)};
    if (probabilities) row.push_back(one.probability ? score_text(*one.probability) : "");
    row.push_back(io::one_line(one.file));
    rows.push_back(std::move(row));
  }
  return table(rows);
}

std::string words_table(const std::vector<Explained>& explained) {
  Rows rows = {{"picture", "prompt", "word", "score", "file"}};
  for (const Explained& one : explained) {
    if (!one.words) continue;
    const auto& [scores, file] = *one.words;
    std::vector<std::string> start = {io::one_line(one.picture), io::one_line(one.target)};
    for (size_t i = 0; i < scores.words.size(); ++i) {
      rows.push_back({start[0], start[1], io::one_line(scores.words[i].text), score_text(scores.scores[i]),
                      i == 0 ? io::one_line(file) : ""});
      start = {"", ""};
    }
    char share[80];
    std::snprintf(share, sizeof share, "%.1f %% of all", 100 * (1 - scores.share));
    rows.push_back({start[0], start[1], "(special tokens)", share});
  }
  return rows.size() > 1 ? "\n" + table(rows) : "";
}

Json words_of(const WordScores& scores) {
  Json words = Json::array();
  for (size_t i = 0; i < scores.words.size(); ++i) {
    const auto& word = scores.words[i];
    words.push_back(
        {{"word", word.text}, {"score", scores.scores[i]}, {"first_token", word.first}, {"tokens", word.count}});
  }
  return words;
}

}  // namespace

std::string explained_text(const std::vector<Explained>& rows) { return scores_table(rows) + words_table(rows); }

std::string explained_json(const std::vector<Explained>& explained, const std::string& model,
                           const std::string& method) {
  Json rows = Json::array();
  for (const Explained& one : explained) {
    Json row = {{"picture", one.picture}, {"target", one.target}, {"score", one.score}};
    if (one.probability) row["probability"] = *one.probability;
    row["file"] = one.file;
    if (one.words) {
      row["words"] = words_of(one.words->scores);
      row["special_share"] = 1 - one.words->scores.share;
      if (!one.words->file.empty()) row["words_file"] = one.words->file;
    }
    rows.push_back(std::move(row));
  }
  const Json whole = {{"model", model}, {"method", method}, {"rows", rows}};
  // File names need not be UTF-8.
  return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace legrad::apps
