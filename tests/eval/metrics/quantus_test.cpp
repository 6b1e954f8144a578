// Against Quantus, a library of metrics (Hedström et al., JMLR 2023), and scikit-learn: tests/oracle/make_quantus.py
// wrote what they measure on maps of several kinds.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/heatmap.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/metrics/formulas.h"

namespace legrad::eval {
namespace {

using nlohmann::json;

constexpr double kTolerance = 1e-5;

at::Tensor tensor_of(const json& rows) {
  std::vector<at::Tensor> all;
  for (const json& row : rows) all.push_back(at::tensor(row.get<std::vector<double>>(), at::kDouble));
  return at::stack(all);
}

TEST(Quantus, MeasuresTheSame) {
  const json written = json::parse(std::ifstream(LEGRAD_TEST_DATA "/eval/quantus.json"));
  EXPECT_EQ(written.at("quantus"), "0.6.0");
  ASSERT_GE(written.at("cases").size(), 8U);
  for (const json& one : written.at("cases")) {
    SCOPED_TRACE(one.at("name").get<std::string>());
    const at::Tensor map = tensor_of(one.at("map"));
    const at::Tensor mask = tensor_of(one.at("mask")).to(at::kBool);
    const auto expected = [&](const char* metric) { return one.at(metric).get<double>(); };

    // Quantus adds 1e-7 to each pixel.
    EXPECT_NEAR(gini_index(map), expected("sparseness"), kTolerance);
    EXPECT_NEAR(entropy(map), expected("complexity"), kTolerance);
    EXPECT_EQ(points_at(map, mask, 0) ? 1 : 0, expected("pointing"));
    EXPECT_NEAR(share_on_mask(normalized(map), mask), expected("relevance_mass_of_min_max"), kTolerance);
    EXPECT_NEAR(average_precision_by_threshold(map, mask), expected("average_precision"), kTolerance);
    double most = 0;
    for (const json& other : one.at("again")) most = std::max(most, *relative_change(map, tensor_of(other)));
    EXPECT_NEAR(most, expected("max_sensitivity"), kTolerance);
    double similarity = 1;
    for (const json& other : one.at("again")) similarity += rank_similarity(map, tensor_of(other));
    EXPECT_NEAR(similarity / static_cast<double>(one.at("again").size() + 1), expected("mprt"), kTolerance);
    const double before = histogram_entropy(map), after = histogram_entropy(tensor_of(one.at("again").back()));
    EXPECT_NEAR((after - before) / before, expected("emprt"), kTolerance);
  }
}

}  // namespace
}  // namespace legrad::eval
