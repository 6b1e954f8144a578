// Programs run what their graph says; their tapes pull cotangents back to what calculus by hand gives.

#include "graph/ir/program.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <legrad/rules.h>

#include <memory>

#include "support/ir.h"

namespace legrad::test {
namespace {

// y = x · w, s = Σ over columns of y², both outputs.
graph::Program product() {
  return {parsed(R"(
graph(%x : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %keep : bool = prim::Constant[value=0]()
  %dims : int[] = prim::Constant[value=[1]]()
  %y : Tensor = aten::matmul(%x, %w)
  %square : Tensor = aten::mul(%y, %y)
  %s : Tensor = aten::sum(%square, %dims, %keep, %none)
  return (%y, %s))"),
          "the product"};
}

TEST(Program, GivesWhatItsGraphSays) {
  const auto x = noise({2, 3}), w = noise({3, 4});
  const auto outputs = product()({x, w});
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_TRUE(close(outputs[0], at::matmul(x, w)));
  EXPECT_TRUE(close(outputs[1], at::matmul(x, w).pow(2).sum(1)));
}

TEST(Program, SaysWhichOperatorFailed) {
  try {
    product()({noise({2, 3}), noise({4, 5})});
    FAIL() << "shapes that do not fit were taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("the product: aten::matmul failed"), std::string::npos) << error.what();
  }
}

TEST(Tape, PullsCotangentsOfAllOutputs) {
  const auto x = noise({2, 3}), w = noise({3, 4}), to_y = noise({2, 4}), to_s = noise({2});
  const auto tape = product().record({x, w}, {0, 1});
  const auto pulled = tape.pull({to_y, to_s});
  // ∂(c·y + d·s) = (c + 2 d y) ∂y
  const auto at_y = to_y + 2 * to_s.unsqueeze(1) * at::matmul(x, w);
  ASSERT_EQ(pulled.size(), 2U);
  EXPECT_TRUE(close(pulled[0], at::matmul(at_y, w.t())));
  EXPECT_TRUE(close(pulled[1], at::matmul(x.t(), at_y)));
}

TEST(Tape, AnUndefinedCotangentIsNone) {
  const auto x = noise({2, 3}), w = noise({3, 4}), to_y = noise({2, 4});
  const auto tape = product().record({x, w}, {1});
  const auto pulled = tape.pull({to_y, {}});
  ASSERT_EQ(pulled.size(), 1U);
  EXPECT_TRUE(close(pulled[0], at::matmul(x.t(), to_y)));
}

TEST(Tape, IsPulledAgainWhereItIsKept) {
  const auto x = noise({2, 3}), w = noise({3, 4}), first = noise({2, 4}), second = noise({2, 4});
  const auto tape = product().record({x, w}, {0});
  EXPECT_TRUE(close(tape.pull({first, {}}, /*keep=*/true)[0], at::matmul(first, w.t())));
  EXPECT_TRUE(close(tape.pull({second, {}})[0], at::matmul(second, w.t())));
}

TEST(Tape, ALeafThatNothingDependsOnGetsZeros) {
  const graph::Program program(parsed(R"(
graph(%x : Tensor, %unused : Tensor):
  %y : Tensor = aten::neg(%x)
  return (%y))"),
                               "neg");
  const auto pulled = program.record({noise({2}), noise({3})}, {0, 1}).pull({at::ones({2}, at::kDouble)});
  EXPECT_TRUE(close(pulled[0], -at::ones({2}, at::kDouble)));
  EXPECT_TRUE(close(pulled[1], at::zeros({3}, at::kDouble)));
}

TEST(Tape, WhatWasDifferentiatedIsLetGoOf) {
  auto rules = std::make_shared<const Rules>(*vjp_rules());
  const std::weak_ptr<const Rules> held = rules;  // by whatever a run keeps
  {
    const at::AutoGradMode on(true);
    const auto x = noise({2, 3}).requires_grad_(), w = noise({3, 4});
    auto outputs = product()({x, w}, rules);
    rules.reset();
    EXPECT_FALSE(held.expired());
    EXPECT_TRUE(close(graph::Tape({outputs[0]}, {x}).pull({at::ones({2, 4}, at::kDouble)}, true)[0],
                      at::matmul(at::ones({2, 4}, at::kDouble), w.t())));
  }
  EXPECT_TRUE(held.expired());
}

TEST(WholeRun, SeveralTablesGoBackThroughOne) {
  const auto x = noise({2, 3}).abs(), w = noise({3, 4}).abs(), to_y = noise({2, 4});
  const auto program = product();
  const at::AutoGradMode on(true);  // a run that autograd records can be gone back through by rules too
  const auto leaf = x.detach().requires_grad_();
  const auto run = program.run_whole({leaf, w});
  for (const auto& rules : {vjp_rules(), lrp_rules(), vjp_rules()}) {
    const auto expected = program.record({x, w}, {0}, rules).pull({to_y, {}});
    const auto found = program.back_through(run, {0}, rules).pull({to_y, {}});
    EXPECT_TRUE(at::equal(found[0], expected[0])) << rules->name;
    EXPECT_FALSE(found[0].requires_grad());
  }
  EXPECT_TRUE(close(graph::Tape({run.outputs[0]}, {leaf}).pull({to_y})[0], at::matmul(to_y, w.t())));
}

TEST(Tape, RecordsUnderInferenceModeToo) {
  const auto x = noise({2, 3}), w = noise({3, 4}), to_y = noise({2, 4});
  const c10::InferenceMode guard;
  EXPECT_TRUE(close(product().record({x, w}, {0}).pull({to_y, {}})[0], at::matmul(to_y, w.t())));
}

TEST(Tape, InputsStayAsTheyAre) {
  const auto x = noise({2, 3}), w = noise({3, 4});
  product().record({x, w}, {0});
  EXPECT_FALSE(x.requires_grad());
}

}  // namespace
}  // namespace legrad::test
