#include "eval/ranking.h"

#include <algorithm>
#include <cmath>

namespace legrad::eval {

std::vector<Row> ranked(const Table& table, const MetricSummary& metric) {
  std::vector<Row> rows;
  for (const Row& row : table.rows) {
    if (row.metric == metric.name) rows.push_back(row);
  }
  const bool ranks = metric.tells_from_random.value_or(true);
  std::ranges::stable_sort(rows, [&](const Row& a, const Row& b) {
    if (a.control != b.control) return b.control;
    if (!ranks || a.control || std::isnan(a.value) || std::isnan(b.value)) return false;
    return metric.higher_is_better ? a.value > b.value : a.value < b.value;
  });
  return rows;
}

std::string verdict(const MetricSummary& metric) {
  if (!metric.tells_from_random) return "";
  return *metric.tells_from_random ? "It tells methods from a random map here."
                                   : "On these pictures it tells no method from a random map, so it ranks nothing.";
}

}  // namespace legrad::eval
