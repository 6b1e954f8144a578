// Relevance by rules: cases computed by hand, and what is kept on the way.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/rules.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "graph/ir/program.h"
#include "support/ir.h"

namespace legrad::test {
namespace {

using TableOfRules = std::shared_ptr<const Rules>;

at::Tensor rows(const std::vector<std::vector<double>>& numbers) {
  std::vector<at::Tensor> all;
  all.reserve(numbers.size());
  for (const auto& row : numbers) all.push_back(at::tensor(row, at::kDouble));
  return at::stack(all);
}

graph::Program program_of(const std::string& inputs, const std::string& body) {
  return {parsed("graph(" + inputs + R"():
  %none : NoneType = prim::Constant()
  %no : bool = prim::Constant[value=0]()
  %1 : int = prim::Constant[value=1]()
  %zero : float = prim::Constant[value=0.]()
)" + body + "\n  return (%y)\n"),
          "a case"};
}

// What comes back to each input.
std::vector<at::Tensor> passed(const graph::Program& program, const std::vector<at::Tensor>& inputs,
                               const TableOfRules& rules, const at::Tensor& relevance) {
  std::vector<size_t> all;
  for (size_t i = 0; i < inputs.size(); ++i) all.push_back(i);
  return program.record(inputs, all, rules).pull({relevance});
}

void expect(const at::Tensor& found, const at::Tensor& expected) {
  EXPECT_TRUE(found.sizes() == expected.sizes() && at::allclose(found, expected, 1e-12, 1e-12)) << found << expected;
}

/// x = (1, -2), W = ((3, 1), (2, -1)): the products are (3, -2) and (2, 2). The first output's one positive product
/// gets all; of the second's, one of two positive and one of two negative numbers, each gets half, or on its own all.
TEST(Lrp, ALinearLayerPassesWhatMakesItsOutputLarger) {
  const auto linear = program_of("%x : Tensor, %w : Tensor",
                                 "  %d : Tensor = aten::detach(%w)\n  %y : Tensor = aten::linear(%x, %d, %none)");
  const auto x = rows({{1, -2}}), weight = rows({{3, 1}, {2, -1}}), ones = rows({{1, 1}});
  expect(passed(linear, {x, weight}, lrp_ours_rules(), ones)[0], rows({{1.5, 0.5}}));
  expect(passed(linear, {x, weight}, lrp_rules(), ones)[0], rows({{2, 1}}));
}

/// 1/1000 is the one positive product beside one of -1000, of which float32 knows seven digits; a layer with none; and
/// a bias that hides what the layer made.
TEST(Lrp, AFewPositiveProductsAmongLargeNegativeOnesAreNotLost) {
  const auto linear = program_of("%x : Tensor, %w : Tensor, %b : Tensor",
                                 "  %d : Tensor = aten::detach(%w)\n  %c : Tensor = aten::detach(%b)\n"
                                 "  %y : Tensor = aten::linear(%x, %d, %c)");
  const auto addmm = program_of("%x : Tensor, %w : Tensor, %b : Tensor",
                                "  %t : Tensor = aten::t(%w)\n  %d : Tensor = aten::detach(%t)\n"
                                "  %c : Tensor = aten::detach(%b)\n  %y : Tensor = aten::addmm(%c, %x, %d, %1, %1)");
  const auto single = [](const at::Tensor& t) { return t.to(at::kFloat); };
  for (const auto* program : {&linear, &addmm}) {
    for (const double bias : {0.0, 1e7}) {
      const auto of = [&](const at::Tensor& x, const at::Tensor& weight) {
        return passed(*program, {single(x), single(weight), single(at::full({1}, bias))}, lrp_ours_rules(),
                      single(rows({{1}})))[0];
      };
      EXPECT_TRUE(at::allclose(of(rows({{1000, -1}}), rows({{-1, -0.001}})), single(rows({{0, 1}})), 0, 1e-6));
      EXPECT_TRUE(at::equal(of(rows({{1000, 3}}), rows({{-1, -0.001}})), single(rows({{0, 0}}))));
      EXPECT_TRUE(at::allclose(of(rows({{1, -2}}), rows({{2.25, -1.125}})), single(rows({{0.5, 0.5}})), 0, 1e-6));
    }
  }
}

/// (3, 1) + (1, -2) = (4, -1): in proportion (3/4, -1) and (1/4, 2), whose sums are -1/4 and 9/4. Their shares of
/// |relevance| are 1/10 and 9/10 of 2.
TEST(Lrp, ASumIsPassedInProportionOrByShares) {
  const auto add = program_of("%a : Tensor, %b : Tensor", "  %y : Tensor = aten::add(%a, %b, %1)");
  const auto a = rows({{3, 1}}), b = rows({{1, -2}}), ones = rows({{1, 1}});
  const auto plain = passed(add, {a, b}, lrp_rules(), ones);
  expect(plain[0], rows({{0.75, -1}}));
  expect(plain[1], rows({{0.25, 2}}));
  const auto ours = passed(add, {a, b}, lrp_ours_rules(), ones);
  expect(ours[0], rows({{-0.6, 0.8}}));
  expect(ours[1], rows({{0.2, 1.6}}));
}

/// What is 0 has nothing to pass, and nothing becomes NaN.
TEST(Lrp, NothingIsDividedByZero) {
  const auto add = program_of("%a : Tensor, %b : Tensor", "  %y : Tensor = aten::add(%a, %b, %1)");
  for (const auto& rules : {lrp_rules(), lrp_ours_rules()}) {
    const auto found = passed(add, {rows({{1, 2}}), rows({{-1, 2}})}, rules, rows({{1, 1}}));
    EXPECT_TRUE(found[0].isfinite().all().item<bool>() && found[1].isfinite().all().item<bool>());
    EXPECT_EQ(found[0][0][0].item<double>(), 0);
  }
}

graph::Program attention() {
  return program_of("%q : Tensor, %k : Tensor, %v : Tensor",
                    "  %y : Tensor = aten::scaled_dot_product_attention(%q, %k, %v, %none, %zero, %no, %none, %no)");
}

/// Half of what O gets goes to V, a quarter to Q and to K: row by row of A, more rows than are made at once.
TEST(Lrp, AttentionKeepsTheSumOfRelevance) {
  const std::vector<at::Tensor> inputs = {noise({1, 2, 1100, 3}), noise({1, 2, 1100, 3}), noise({1, 2, 1100, 3}) + 3};
  const auto relevance = noise({1, 2, 1100, 3});
  for (const auto& rules : {lrp_rules(), lrp_ours_rules()}) {
    const auto found = passed(attention(), inputs, rules, relevance);
    const auto whole = relevance.sum().item<double>();
    EXPECT_NEAR(found[0].sum().item<double>(), whole / 4, 1e-6);
    EXPECT_NEAR(found[1].sum().item<double>(), whole / 4, 1e-6);
    EXPECT_NEAR(found[2].sum().item<double>(), whole / 2, 1e-6);
  }
}

/// Gradient times input: of V all or half of what O times its gradient is, per column of numbers.
TEST(AttnLrp, ValuesGetHalfOrByConservativePropagationAll) {
  const std::vector<at::Tensor> inputs = {noise({1, 2, 5, 3}), noise({1, 2, 5, 3}), noise({1, 2, 5, 3})};
  const auto relevance = noise({1, 2, 5, 3});
  const auto whole = (attention()(inputs)[0] * relevance).sum().item<double>();
  const auto of_values = [&](const TableOfRules& rules) {
    return (passed(attention(), inputs, rules, relevance)[2] * inputs[2]).sum().item<double>();
  };
  EXPECT_NEAR(of_values(attn_lrp_rules()), whole / 2, 1e-12);
  EXPECT_NEAR(of_values(cp_lrp_rules()), whole, 1e-12);
  EXPECT_EQ(passed(attention(), inputs, cp_lrp_rules(), relevance)[0].abs().max().item<double>(), 0);
}

TEST(AttnLrp, AnActivationAndAGateKeepTheSumOfRelevance) {
  const auto x = noise({2, 3}), z = noise({2, 3}), back = noise({2, 3});
  const auto gelu = program_of("%x : Tensor",
                               "  %how : str = prim::Constant[value=\"none\"]()\n"
                               "  %y : Tensor = aten::gelu(%x, %how)");
  expect(passed(gelu, {x}, attn_lrp_rules(), back)[0] * x, at::gelu(x) * back);
  const auto gate = program_of("%x : Tensor, %z : Tensor", "  %y : Tensor = aten::mul(%x, %z)");
  const auto shares = passed(gate, {x, z}, attn_lrp_rules(), back);
  expect(shares[0] * x, x * z * back / 2);
  expect(shares[1] * z, x * z * back / 2);
}

/// A layer norm of two numbers: the mean of what comes back is taken off, unless it is held too.
TEST(AttnLrp, ANormsSpreadIsAConstant) {
  const auto norm = program_of("%x : Tensor",
                               "  %two : int = prim::Constant[value=2]()\n"
                               "  %shape : int[] = prim::ListConstruct(%two)\n"
                               "  %y : Tensor = aten::layer_norm(%x, %shape, %none, %none, %zero, %no)");
  const auto x = rows({{1, 5}}), back = rows({{1, 3}});  // the mean is 3, the spread 2
  expect(passed(norm, {x}, attn_lrp_rules(), back)[0], rows({{-0.5, 0.5}}));
  expect(passed(norm, {x}, held_norm_rules(), back)[0], rows({{0.5, 1.5}}));
}

/// x = (1, -2), W = ((3, 1), (2, -1)), γ = 1: z = (1, 4), both positive, W + W⁺ = ((6, 2), (4, -1)) on x⁺ = (1, 0) and
/// W + W⁻ = ((3, 1), (2, -2)) on x⁻ = (0, -2): sums 6 - 2 = 4 and 4 + 4 = 8, so that z is passed scaled by 1/4 and 1/2.
TEST(AttnLrp, GammaFavoursWhatHasTheOutputsSign) {
  const auto linear = program_of("%x : Tensor, %w : Tensor",
                                 "  %d : Tensor = aten::detach(%w)\n  %y : Tensor = aten::linear(%x, %d, %none)");
  const auto x = rows({{1, -2}}), weight = rows({{3, 1}, {2, -1}}), ones = rows({{1, 1}});
  const auto found = passed(linear, {x, weight}, attn_lrp_rules(1, 0), ones)[0];
  expect(found, rows({{6.0 / 4 + 4.0 / 2, 1.0 / 4 - 2.0 / 2}}));
  EXPECT_NEAR((found * x).sum().item<double>(), 5, 1e-12);  // the output's relevance, all of it
}

/// A norm, an attention of it, an activation and a gate without a bias: completeness as FullGrad has it, at autograd's
/// own hands, as the sweeps take gradients.
TEST(LibraGrad, InputsTimesGradientsAddUpToTheScore) {
  const auto program =
      program_of("%x : Tensor",
                 "  %three : int = prim::Constant[value=3]()\n"
                 "  %shape : int[] = prim::ListConstruct(%three)\n"
                 "  %how : str = prim::Constant[value=\"tanh\"]()\n"
                 "  %n : Tensor = aten::layer_norm(%x, %shape, %none, %none, %zero, %no)\n"
                 "  %o : Tensor = aten::scaled_dot_product_attention(%n, %n, %n, %none, %zero, %no, %none, %no)\n"
                 "  %g : Tensor = aten::gelu(%o, %how)\n"
                 "  %h : Tensor = aten::mul(%g, %x)\n"
                 "  %y : Tensor = aten::add(%h, %o, %1)");
  const auto back = noise({1, 2, 5, 3});
  const auto sum_kept = [&](const TableOfRules& rules) {
    const auto x = noise({1, 2, 5, 3}).requires_grad_();
    const auto y = program({x}, rules)[0];
    const auto score = (y * back).sum();
    const auto gradient = torch::autograd::grad({score}, {x})[0];
    EXPECT_TRUE(at::equal(y.detach(), program({x.detach()})[0]));
    return std::abs((gradient * x).sum().item<double>() - score.item<double>()) < 1e-12;
  };
  EXPECT_TRUE(sum_kept(libra_rules()));
  EXPECT_FALSE(sum_kept(vjp_rules()));
  EXPECT_FALSE(sum_kept(nullptr));
}

TEST(LibraGrad, AnOperatorWithoutARuleIsRefusedWhereAGradientMeetsIt) {
  const auto program = program_of("%x : Tensor", "  %y : Tensor = aten::erfinv(%x)");
  const auto x = rows({{0.1, 0.2}}).requires_grad_();
  const auto y = program({x}, libra_rules())[0];
  try {
    torch::autograd::grad({y.sum()}, {x});
    ADD_FAILURE() << "nothing was refused";
  } catch (const InputError& error) {
    EXPECT_EQ(error.reason(), Reason::kNoRule);
  }
}

TEST(Lrp, AGateIsRefusedByName) {
  const auto gate = program_of("%x : Tensor, %z : Tensor", "  %y : Tensor = aten::mul(%x, %z)");
  for (const auto& rules : {lrp_rules(), lrp_ours_rules()}) {
    try {
      passed(gate, {noise({2}), noise({2})}, rules, noise({2}));
      FAIL() << "there is a rule";
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), Reason::kNoRule);
    }
  }
  // Along the direct path it is a layer of its own.
  EXPECT_EQ(passed(gate, {noise({2}), noise({2})}, direct_rules(), noise({2}))[0].abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace legrad::test
