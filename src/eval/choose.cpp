#include "eval/choose.h"

#include <legrad/error.h>

#include <algorithm>

#include "io/nearest_names.h"
#include "io/words.h"

namespace legrad::eval {
namespace {

std::string lacking(const Needs& needs, const Knows& data) {
  return needs_text({.label = needs.label && !data.labels,
                     .masks = needs.masks && !data.masks,
                     .points = needs.points && !data.points,
                     .parts = needs.parts && !data.parts});
}

std::vector<std::string> names_of(const std::vector<Metric>& metrics) {
  std::vector<std::string> names;
  for (const Metric& metric : metrics) {
    if (std::ranges::find(metric.scores, metric.name, &Score::name) == metric.scores.end())
      names.push_back(metric.name);
    for (const Score& score : metric.scores) names.push_back(score.name);
  }
  return names;
}

/// Whether a name is a score's: it means that one alone, though the metric may be called so, too.
bool is_score(const std::string& name, const std::vector<Metric>& metrics) {
  return std::ranges::any_of(metrics, [&](const Metric& metric) {
    return std::ranges::find(metric.scores, name, &Score::name) != metric.scores.end();
  });
}

void add_unless_there(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

}  // namespace

std::string needs_text(const Needs& needs) {
  std::string text;
  const auto add = [&](bool needed, const char* what) {
    if (needed) text += (text.empty() ? "" : ", ") + std::string(what);
  };
  add(needs.label, "the right class");
  add(needs.masks, "masks");
  add(needs.points, "points");
  add(needs.parts, "pictures without parts");
  return text;
}

std::vector<std::string> items_of(const std::string& list) {
  auto items = io::words_between(list, ',');
  std::erase(items, "");
  return items;
}

ChosenMetrics choose_metrics(const std::string& names, const std::vector<Metric>& known, const Knows& data) {
  ChosenMetrics chosen;
  const auto items = items_of(names);
  if (items.empty()) throw InputError("no metric was asked for; give names of them, or 'all'");
  const bool all = std::ranges::find(items, "all") != items.end();
  for (const std::string& item : items) {
    const bool is_known =
        item == "all" || is_score(item, known) || std::ranges::find(known, item, &Metric::name) != known.end();
    if (!is_known) {
      const auto names = names_of(known);
      throw InputError("'" + item + "' is no metric; the known ones, the nearest first: " +
                       io::joined(io::nearest_names(item, names, names.size())));
    }
  }
  for (const Metric& metric : known) {
    std::vector<std::string> scores;
    const std::string lacks = lacking(metric.needs, data);
    for (const Score& score : metric.scores) {
      const bool named = std::ranges::any_of(items, [&](const auto& item) {
        return item == score.name || (item == metric.name && !is_score(item, known));
      });
      if (named && !lacks.empty()) {
        throw InputError("metric '" + score.name + "' needs what the data set does not have: " + lacks);
      }
      if (named || (all && lacks.empty())) scores.push_back(score.name);
    }
    if (scores.empty()) continue;
    chosen.metrics.push_back(metric);
    for (const std::string& score : scores) add_unless_there(chosen.scores, score);
  }
  if (chosen.metrics.empty()) throw InputError("the data set has nothing that a metric could be measured on");
  return chosen;
}

}  // namespace legrad::eval
