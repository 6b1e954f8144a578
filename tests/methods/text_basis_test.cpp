// The greedy basis of texts, on cases whose order can be told by hand.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/text_basis.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/message_of.h"

namespace legrad {
namespace {

using testing::contains;
using testing::message_of;
using Texts = std::vector<int64_t>;

at::Tensor rows(const std::vector<std::vector<double>>& numbers) {
  std::vector<at::Tensor> all;
  for (const auto& row : numbers) all.push_back(at::tensor(row, at::kDouble));
  return at::stack(all);
}

TEST(TextBasis, TakesTheDirectionsOfMostVarianceFirst) {
  // Along the axes the variances are as 9, 1 and 4; of the fourth there is none.
  const auto contributions =
      rows({{3, 0, 0, 0}, {-3, 0, 0, 0}, {0, 1, 0, 0}, {0, -1, 0, 0}, {0, 0, 2, 0}, {0, 0, -2, 0}});
  const auto texts = rows({{0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}, {1, 0, 0, 0}});
  const auto basis = greedy_text_basis(contributions, texts, 3);
  EXPECT_EQ(basis.texts, (Texts{3, 1, 0}));
  ASSERT_EQ(basis.shares.size(), 3);
  EXPECT_NEAR(basis.shares[0], 9.0 / 14, 1e-12);
  EXPECT_NEAR(basis.shares[1], 4.0 / 14, 1e-12);
  EXPECT_NEAR(basis.shares[2], 1.0 / 14, 1e-12);
  EXPECT_NEAR(basis.explained(), 1, 1e-12);
  EXPECT_EQ(greedy_text_basis(contributions, texts, 1).texts, Texts{3});
}

TEST(TextBasis, IsShorterWhereNothingIsLeft) {
  const auto contributions = rows({{3, 0, 0}, {-3, 0, 0}, {0, 1, 0}, {0, -1, 0}});
  EXPECT_EQ(greedy_text_basis(contributions, rows({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}), 3).texts, (Texts{0, 1}));
  EXPECT_EQ(greedy_text_basis(contributions, rows({{1, 0, 0}, {2, 0, 0}}), 2).texts, Texts{1});
  EXPECT_TRUE(greedy_text_basis(contributions, rows({{0, 0, 1}}), 2).texts.empty());
  EXPECT_TRUE(greedy_text_basis(rows({{1, 2}, {1, 2}}), rows({{1, 0}}), 2).texts.empty()) << "nothing varies";
}

TEST(TextBasis, ProjectsOutWhatIsExplained) {
  // The second text is mostly the first one's direction: with that taken out, the third says more.
  const auto contributions = rows({{5, 0, 0}, {-5, 0, 0}, {0, 2, 0}, {0, -2, 0}, {0, 0, 2.5}, {0, 0, -2.5}});
  const auto texts = rows({{1, 0, 0}, {0.8, 0.6, 0}, {0, 0, 1}});
  EXPECT_EQ(greedy_text_basis(contributions, texts, 3).texts, (Texts{0, 2, 1}));
}

TEST(TextBasis, TakesTheMeanForNoVariance) {
  const auto contributions = rows({{100, 1}, {100, -1}});
  const auto basis = greedy_text_basis(contributions, rows({{1, 0}, {0, 1}}), 1);
  EXPECT_EQ(basis.texts, Texts{1});
  EXPECT_NEAR(basis.shares[0], 1, 1e-12);
}

TEST(TextBasis, CountsOfTextsWhatLiesInTheSpan) {
  // Both texts point along the only direction there is; the second lies in it with more of its length.
  const auto contributions = rows({{1, 0, 0}, {-1, 0, 0}});
  EXPECT_EQ(greedy_text_basis(contributions, rows({{0.6, 0.8, 0}, {0.8, 0, 0.6}}), 1).texts, Texts{1});
}

// By projections to what the texts chosen so far leave, taken afresh for every step.
TEST(TextBasis, IsTheGreedyChoiceByDefinition) {
  at::manual_seed(4);
  constexpr int64_t kImages = 7, kWidth = 12, kTexts = 40, kCount = 5;
  const auto contributions = at::randn({kImages, kWidth}, at::kDouble) + 3 * at::randn({1, kWidth}, at::kDouble);
  const auto texts = at::randn({kTexts, kWidth}, at::kDouble);
  const auto onto = [](const at::Tensor& rows) {  // [r, D], to their span
    return rows.t().matmul(at::linalg_pinv(rows.t(), 1e-12));
  };
  const auto inside = texts.matmul(onto(contributions));
  const auto centred = contributions - contributions.mean(0, true);
  const auto found = greedy_text_basis(contributions, texts, kCount);
  ASSERT_EQ(found.texts.size(), kCount);
  auto complement = at::eye(kWidth, at::kDouble);
  for (size_t i = 0; i < kCount; ++i) {
    const auto variances = centred.matmul(complement).matmul(inside.matmul(complement).t()).var(0);
    EXPECT_EQ(found.texts[i], variances.argmax().item<int64_t>());
    const auto chosen = inside.index_select(0, at::tensor(Texts(found.texts.begin(), found.texts.begin() + i + 1)));
    complement = at::eye(kWidth, at::kDouble) - onto(chosen);
    double explained = 0;
    for (size_t k = 0; k <= i; ++k) explained += found.shares[k];
    const auto left = centred.matmul(complement).square().sum() / centred.square().sum();
    EXPECT_NEAR(explained, 1 - left.item<double>(), 1e-9);
  }
}

TEST(TextBasis, RefusesWhatDoesNotFit) {
  const auto refusal = [](const at::Tensor& contributions, const at::Tensor& texts, int64_t count) {
    return message_of<InputError>([&] { (void)greedy_text_basis(contributions, texts, count); });
  };
  const auto two = at::eye(2, at::kDouble);
  EXPECT_TRUE(contains(refusal(two.narrow(0, 0, 1), two, 1), "two images"));
  EXPECT_TRUE(contains(refusal(two, at::eye(3, at::kDouble), 1), "[n, D]"));
  EXPECT_TRUE(contains(refusal(two, two[0], 1), "[n, D]"));
  EXPECT_TRUE(contains(refusal({}, two, 1), "[n, D]"));
  EXPECT_TRUE(contains(refusal(two, two, 0), "at least 1"));
  EXPECT_TRUE(contains(refusal(two * NAN, two, 1), "NaN"));
}

}  // namespace
}  // namespace legrad
