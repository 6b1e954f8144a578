// Attention in the forms that files hold it in becomes one operator that gives the same.

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/constants.h>

#include "graph/passes/causal_mask.h"
#include "graph/passes/decompose_einsum.h"
#include "graph/passes/fuse_attention.h"
#include "support/ir.h"

namespace legrad::test {
namespace {

// --- decompose_einsum

struct Einsum {
  const char* name;
  const char* equation;
  std::vector<int64_t> left, right;
};

std::string einsum_ir(const std::string& equation) {
  return R"(
graph(%x : Tensor, %other : Tensor):
  %none : NoneType = prim::Constant()
  %equation : str = prim::Constant[value=")" +
         equation + R"("]()
  %operands : Tensor[] = prim::ListConstruct(%x, %other)
  %made : Tensor = aten::einsum(%equation, %operands, %none)
  %one : int = prim::Constant[value=1]()
  %end : int = prim::Constant[value=-1]()
  %y : Tensor = aten::flatten(%made, %one, %end)
  return (%y))";
}

class DecomposeEinsum : public testing::TestWithParam<Einsum> {};

TEST_P(DecomposeEinsum, IsTheSameProduct) {
  const auto& [name, equation, left, right] = GetParam();
  const auto x = noise(left);
  const auto other = noise(right);
  auto line = line_of(einsum_ir(equation), x, {other});
  graph::decompose_einsum(line);
  EXPECT_EQ(count(line, "einsum"), 0U);
  EXPECT_EQ(count(line, "matmul"), 1U);
  const auto whole = at::einsum(equation, {x, other});
  EXPECT_TRUE(close(run(line, x), whole.flatten(1)));
  EXPECT_EQ(line.facts.at(graph::find_all(*line.graph, "flatten").at(0)->input(0)).sizes, whole.sizes().vec());
}

INSTANTIATE_TEST_SUITE_P(Equations, DecomposeEinsum,
                         testing::Values(Einsum{"scores", "bhid,bhjd->bhij", {2, 3, 4, 5}, {2, 3, 6, 5}},
                                         Einsum{"context", "bhij,bhjd->bhid", {2, 3, 4, 6}, {2, 3, 6, 5}},
                                         Einsum{
                                             "with_spaces", "b h i d, b h j d -> b h i j", {2, 3, 4, 5}, {2, 3, 6, 5}},
                                         Einsum{"heads_inside", "bihd,bjhd->bhij", {2, 4, 3, 5}, {2, 6, 3, 5}},
                                         Einsum{"context_heads_inside", "bhij,bjhd->bihd", {2, 3, 4, 6}, {2, 6, 3, 5}},
                                         Einsum{"columns_first", "nkc,nvc->nvk", {2, 3, 4}, {2, 5, 4}}),
                         [](const auto& einsum) { return einsum.param.name; });

TEST(DecomposeEinsumElse, WhatIsNoProductStays) {
  const auto x = noise({2, 3, 4, 5});
  auto line = line_of(einsum_ir("bhid,bhid->bhid"), x, {noise({2, 3, 4, 5})});
  graph::decompose_einsum(line);
  EXPECT_EQ(count(line, "einsum"), 1U);
}

// --- fuse_attention

constexpr const char* kHead = R"(
graph(%x : Tensor, %k : Tensor, %v : Tensor, %scale : float, %mask : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %first : int = prim::Constant[value=-2]()
  %last : int = prim::Constant[value=-1]()
  %none : NoneType = prim::Constant()
  %kt : Tensor = aten::transpose(%k, %first, %last)
)";
constexpr const char* kTail = R"(
  %a : Tensor = aten::softmax(%scores, %last, %none)
  %context : Tensor = aten::matmul(%a, %v)
  %flat : Tensor = aten::select(%context, %zero, %zero)
  %y : Tensor = aten::select(%flat, %zero, %zero)
  return (%y))";

constexpr double kScale = 0.3;

struct Form {
  const char* name;
  const char* scores;
  double scale;
  bool mask;
};

class FuseAttention : public testing::TestWithParam<Form> {};

TEST_P(FuseAttention, GivesTheSameWithoutSoftmax) {
  const auto& form = GetParam();
  const auto q = noise({2, 3, 4, 5}), k = noise({2, 3, 6, 5}), v = noise({2, 3, 6, 7}), mask = noise({1, 1, 4, 6});
  auto line = line_of(std::string(kHead) + form.scores + kTail, q, {k, v, kScale, mask});
  const auto before = run(line, q);
  const auto forms = graph::fuse_attention(line);
  EXPECT_EQ(count(line, "softmax"), 0U);
  ASSERT_EQ(forms.size(), 1U);
  EXPECT_EQ(forms.begin()->second, "softmax and matmul");
  EXPECT_DOUBLE_EQ(graph::number_of(line, forms.begin()->first->input(6)).value(), form.scale);
  auto scores = form.scale * at::matmul(q, k.transpose(-2, -1));
  if (form.mask) scores = scores + mask;
  EXPECT_TRUE(close(run(line, q), at::matmul(at::softmax(scores, -1), v)[0][0]));
  EXPECT_TRUE(close(run(line, q), before));
}

INSTANTIATE_TEST_SUITE_P(Forms, FuseAttention,
                         testing::Values(Form{"plain", "  %scores : Tensor = aten::matmul(%x, %kt)", 1, false},
                                         Form{"scaled", R"(
  %p : Tensor = aten::matmul(%x, %kt)
  %scores : Tensor = aten::mul(%p, %scale))",
                                              kScale, false},
                                         Form{"divided", R"(
  %p : Tensor = aten::matmul(%x, %kt)
  %scores : Tensor = aten::div(%p, %scale))",
                                              1 / kScale, false},
                                         Form{"masked", R"(
  %p : Tensor = aten::matmul(%x, %kt)
  %scores : Tensor = aten::add(%p, %mask, %one))",
                                              1, true},
                                         Form{"mask_first", R"(
  %p : Tensor = aten::matmul(%x, %kt)
  %scores : Tensor = aten::add(%mask, %p, %one))",
                                              1, true},
                                         Form{"scaled_then_masked", R"(
  %p : Tensor = aten::matmul(%x, %kt)
  %s : Tensor = aten::mul(%p, %scale)
  %scores : Tensor = aten::add(%s, %mask, %one))",
                                              kScale, true},
                                         Form{"scaled_twice", R"(
  %p : Tensor = aten::matmul(%x, %kt)
  %s : Tensor = aten::mul(%p, %scale)
  %c : Tensor = aten::contiguous(%s, %zero)
  %scores : Tensor = aten::mul(%c, %scale))",
                                              kScale* kScale, false}),
                         [](const auto& form) { return form.param.name; });

TEST(FuseAttentionRefuses, AMaskThatIsScaledWithTheScores) {
  auto line = line_of(std::string(kHead) + R"(
  %p : Tensor = aten::matmul(%x, %kt)
  %m : Tensor = aten::add(%p, %mask, %one)
  %scores : Tensor = aten::mul(%m, %scale))" +
                          kTail,
                      noise({2, 3, 4, 5}), {noise({2, 3, 6, 5}), noise({2, 3, 6, 7}), kScale, noise({1, 1, 4, 6})});
  EXPECT_EQ(refusal([&] { graph::fuse_attention(line); }), to_string(Reason::kUnknownAttention));
}

TEST(FuseAttentionRefuses, ScoresThatAreNoProduct) {
  auto line = line_of(std::string(kHead) + R"(
  %p : Tensor = aten::matmul(%x, %kt)
  %scores : Tensor = aten::tanh(%p))" +
                          kTail,
                      noise({2, 3, 4, 5}), {noise({2, 3, 6, 5}), noise({2, 3, 6, 7}), kScale, noise({1, 1, 4, 6})});
  EXPECT_EQ(refusal([&] { graph::fuse_attention(line); }), to_string(Reason::kUnknownAttention));
}

TEST(FuseAttentionRefuses, ASoftmaxThatIsNotOverTheKeys) {
  auto tail = std::string(kTail);
  tail.replace(tail.find("%last"), 5, "%first");
  auto line = line_of(std::string(kHead) + "  %scores : Tensor = aten::matmul(%x, %kt)" + tail, noise({2, 3, 4, 5}),
                      {noise({2, 3, 6, 5}), noise({2, 3, 6, 7}), kScale, noise({1, 1, 4, 6})});
  EXPECT_EQ(refusal([&] { graph::fuse_attention(line); }), to_string(Reason::kUnknownAttention));
}

TEST(FuseAttentionElse, HeadsInTheBatchGetOneOfTheirOwn) {
  const std::string ir = R"(
graph(%x : Tensor, %k : Tensor, %v : Tensor, %mask : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %none : NoneType = prim::Constant()
  %kt : Tensor = aten::transpose(%k, %one, %two)
  %scores : Tensor = aten::baddbmm(%mask, %x, %kt, %one, %one)
  %a : Tensor = aten::softmax(%scores, %two, %none)
  %context : Tensor = aten::bmm(%a, %v)
  %y : Tensor = aten::select(%context, %zero, %zero)
  return (%y))";
  const auto q = noise({6, 4, 5}), k = noise({6, 4, 5}), v = noise({6, 4, 5}), mask = noise({6, 4, 4});
  auto line = line_of(ir, q, {k, v, mask});
  const auto forms = graph::fuse_attention(line);
  ASSERT_EQ(forms.size(), 1U);
  EXPECT_EQ(forms.begin()->second, "softmax and bmm");
  EXPECT_EQ(line.facts.at(forms.begin()->first->output()).sizes, (std::vector<int64_t>{1, 6, 4, 5}));
  const auto expected = at::bmm(at::softmax(at::bmm(q, k.transpose(1, 2)) + mask, -1), v)[0];
  EXPECT_TRUE(close(run(line, q), expected));
}

TEST(FuseAttentionElse, ASoftmaxOverClassesStays) {
  auto line = line_of(R"(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %none : NoneType = prim::Constant()
  %y : Tensor = aten::softmax(%x, %one, %none)
  return (%y))",
                      noise({2, 3}));
  EXPECT_TRUE(graph::fuse_attention(line).empty());
  EXPECT_EQ(count(line, "softmax"), 1U);
}

// --- write_causal_masks

TEST(CausalMasks, AreWrittenOutAndGiveTheSame) {
  const std::string ir = R"(
graph(%x : Tensor):
  %none : NoneType = prim::Constant()
  %off : float = prim::Constant[value=0.]()
  %yes : bool = prim::Constant[value=1]()
  %no : bool = prim::Constant[value=0]()
  %causal : Tensor = aten::scaled_dot_product_attention(%x, %x, %x, %none, %off, %yes, %none, %no)
  %plain : Tensor = aten::scaled_dot_product_attention(%causal, %x, %x, %none, %off, %no, %none, %no)
  %one : int = prim::Constant[value=1]()
  %end : int = prim::Constant[value=-1]()
  %y : Tensor = aten::flatten(%plain, %one, %end)
  return (%y))";
  const auto x = noise({2, 3, 5, 4});
  auto line = line_of(ir, x);
  const auto before = run(line, x);
  graph::write_causal_masks(line);
  const auto sites = graph::find_all(*line.graph, "scaled_dot_product_attention");
  ASSERT_EQ(sites.size(), 2U);
  for (const auto* site : sites) EXPECT_EQ(graph::number_of(line, site->input(5)).value_or(0), 0);
  const auto mask = torch::jit::toIValue(sites[0]->input(3)).value();
  ASSERT_TRUE(mask.isTensor());
  EXPECT_TRUE(at::equal(mask.toTensor(), at::ones({5, 5}, at::kBool).tril()));
  EXPECT_FALSE(torch::jit::toIValue(sites[1]->input(3)).value().isTensor());
  EXPECT_TRUE(close(run(line, x), before));
}

}  // namespace
}  // namespace legrad::test
