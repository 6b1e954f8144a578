// A row times an attention's mean map, against the softmax written out in double, whatever the mask.

#include "methods/row_times.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/util/StringUtil.h>
#include <gtest/gtest.h>
#include <legrad/attention.h>

#include <limits>
#include <vector>

namespace legrad {
namespace {

constexpr int64_t kBatch = 3, kHeads = 4, kQueries = 450, kTokens = 611, kWidth = 8;

Attention attention(at::ScalarType type) {
  const auto numbers = [&](int64_t rows) { return at::randn({kBatch, kHeads, rows, kWidth}, at::kDouble).to(type); };
  return {numbers(kQueries), numbers(kTokens), numbers(kTokens), {}, 0.4};
}

// Σ_i r_i · mean_h softmax_j(Q_i · K_j · scale + mask_ij).
at::Tensor written_out(const at::Tensor& row, const Attention& attention) {
  auto scores = at::einsum("bhie,bhje->bhij", {attention.query.to(at::kDouble), attention.key.to(at::kDouble)});
  scores = scores * attention.scale;
  if (attention.mask.defined()) {
    const auto& mask = attention.mask;
    const bool flags = mask.scalar_type() == at::kBool;
    scores = scores + (flags ? at::where(mask, 0.0, -std::numeric_limits<double>::infinity()) : mask.to(at::kDouble));
  }
  return at::einsum("bi,bhij->bj", {row, scores.softmax(-1)}) / static_cast<double>(kHeads);
}

void expect_same(const Attention& attention, double tolerance) {
  const auto row = at::rand({kBatch, kQueries}, at::kDouble);
  const auto found = row_times_mean_map(row, attention);
  const auto wanted = written_out(row, attention);
  ASSERT_EQ(found.sizes(), wanted.sizes());
  EXPECT_EQ(found.scalar_type(), at::kDouble);
  EXPECT_LT(((found - wanted).abs().max() / wanted.max()).item<double>(), tolerance);
}

class RowTimes : public testing::Test {
 protected:
  void SetUp() override { at::manual_seed(7); }
};

TEST_F(RowTimes, MeanMapInEveryType) {
  expect_same(attention(at::kDouble), 1e-12);
  expect_same(attention(at::kFloat), 2e-6);
  expect_same(attention(at::kBFloat16), 2e-6);  // its numbers are taken wide
}

TEST_F(RowTimes, MeanMapUnderMasksOfEveryShape) {
  auto masked = attention(at::kFloat);
  const std::vector<std::vector<int64_t>> sizes = {{kBatch, kHeads, kQueries, kTokens},
                                                   {1, kHeads, kQueries, kTokens},
                                                   {kBatch, 1, 1, kTokens},
                                                   {kHeads, kQueries, kTokens},
                                                   {kQueries, kTokens}};
  for (const auto& size : sizes) {
    SCOPED_TRACE(c10::str(size));
    masked.mask = at::randn(size);
    expect_same(masked, 2e-6);
    masked.mask = masked.mask > -0.5;
    expect_same(masked, 2e-6);
  }
}

}  // namespace
}  // namespace legrad
