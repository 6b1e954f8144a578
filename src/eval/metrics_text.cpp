// What metrics there are, in words.
#include <legrad/eval/evaluation.h>

#include <nlohmann/json.hpp>

#include "eval/choose.h"
#include "io/words.h"

namespace legrad::eval {
namespace {

constexpr size_t kColumns = 110;
// Names, sources and formulas are the same for any number of classes.
constexpr int64_t kAnyClasses = 2;

}  // namespace

std::string metrics_text() {
  std::string text;
  for (const Metric& metric : built_in_metrics(kAnyClasses)) {
    if (!text.empty()) text += "\n";
    const std::string needs = needs_text(metric.needs);
    text += io::wrapped(metric.name + ": " + metric.source, kColumns, 2) + "\n";
    text += io::wrapped("  " + metric.formula + (needs.empty() ? "" : "; needs " + needs), kColumns, 2) + "\n";
    for (const Score& score : metric.scores) {
      const char* better = score.higher_is_better ? " (higher is better)" : " (lower is better)";
      text += io::wrapped("  " + score.name + ": " + score.explains + better, kColumns, 6) + "\n";
    }
  }
  return text;
}

std::string metrics_json() {
  auto json = nlohmann::ordered_json::array();
  for (const Metric& metric : built_in_metrics(kAnyClasses)) {
    for (const Score& score : metric.scores) {
      json.push_back({{"name", score.name},
                      {"metric", metric.name},
                      {"explains", score.explains},
                      {"higher_is_better", score.higher_is_better},
                      {"needs", items_of(needs_text(metric.needs))},
                      {"source", metric.source},
                      {"formula", metric.formula}});
    }
  }
  return json.dump(2) + "\n";
}

}  // namespace legrad::eval
