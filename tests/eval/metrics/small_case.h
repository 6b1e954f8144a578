#pragma once

#include <ATen/ATen.h>
#include <legrad/eval/metric.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace legrad::eval::testing {

/// [rows, n / rows] of numbers in row order.
inline at::Tensor grid(std::vector<double> values, int64_t rows, at::ScalarType dtype = at::kFloat) {
  return at::tensor(values, at::kDouble).view({rows, -1}).to(dtype);
}

inline at::Tensor mask_of(std::vector<double> values, int64_t rows) { return grid(std::move(values), rows, at::kBool); }

/// A question of a class for each mask; one that is undefined has none.
inline Case case_of(std::initializer_list<std::pair<int64_t, at::Tensor>> classes) {
  Case seen;
  for (const auto& [index, mask] : classes) {
    Question question;
    question.name = std::to_string(index);
    question.index = index;
    question.mask = mask;
    seen.questions.push_back(question);
  }
  return seen;
}

inline Maps maps_of(std::vector<at::Tensor> heat) {
  Maps maps;
  maps.heat = at::stack(heat);
  maps.raw = maps.heat;
  return maps;
}

inline std::vector<double> sum_of(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> sum;
  std::transform(a.begin(), a.end(), b.begin(), std::back_inserter(sum), [](double x, double y) { return x + y; });
  return sum;
}

inline const Score& score_of(const Metric& metric, const std::string& name) {
  return *std::find_if(metric.scores.begin(), metric.scores.end(), [&](const Score& of) { return of.name == name; });
}

inline double value_of(const Metric& metric, const std::string& name, const std::vector<double>& sums) {
  return score_of(metric, name).value(sums);
}

inline double count_of(const Metric& metric, const std::string& name, const std::vector<double>& sums) {
  return score_of(metric, name).count(sums);
}

}  // namespace legrad::eval::testing
