#pragma once

#include <legrad/eval/data_set.h>
#include <legrad/eval/metric.h>

#include <string>
#include <vector>

namespace legrad::eval {

/// The metrics that a list of names means, and the names of the scores that were asked for.
struct ChosenMetrics {
  std::vector<Metric> metrics;
  std::vector<std::string> scores;
};

/// Reads a comma list of scores or metrics; "all" are those for which the data has what they need. Throws `InputError`
/// for an unknown name (nearest first), and for what needs something that the data lacks.
ChosenMetrics choose_metrics(const std::string& names, const std::vector<Metric>& known, const Knows& data);

/// What a metric needs of the data, in words: "masks", "the right class"; empty where nothing.
std::string needs_text(const Needs& needs);

/// The items of a comma list, without blanks around them.
std::vector<std::string> items_of(const std::string& list);

}  // namespace legrad::eval
