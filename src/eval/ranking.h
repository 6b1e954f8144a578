#pragma once

#include <legrad/eval/table.h>

#include <string>
#include <vector>

namespace legrad::eval {

/// The rows of one metric: methods, best first where it can tell them from random, then controls.
std::vector<Row> ranked(const Table& table, const MetricSummary& metric);

/// What is to be said of a metric that can tell no method from random; else empty.
std::string verdict(const MetricSummary& metric);

}  // namespace legrad::eval
