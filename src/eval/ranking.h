#pragma once

#include <legrad/eval/table.h>

#include <string>
#include <vector>

namespace legrad::eval {

/// The rows of one metric: methods, best first where it can tell them from random, then controls.
std::vector<Row> ranked(const Table& table, const MetricSummary& metric);

/// Whether a metric can tell any method from random, in a sentence; empty where that is not known.
std::string verdict(const MetricSummary& metric);

}  // namespace legrad::eval
