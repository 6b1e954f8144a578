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

// What is written over must be nobody's any more: neither an input, nor a value or a view that is read later. The
// outputs are held against those of a run that keeps every value, and so writes over none.
TEST(InPlace, ChangesNothingThatIsStillRead) {
  const graph::Program program(parsed(R"(
graph(%x : Tensor, %w : Tensor, %row : Tensor):
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %zero : int = prim::Constant[value=0]()
  %none : str = prim::Constant[value="none"]()
  %a : Tensor = aten::matmul(%x, %w)
  %turned : Tensor = aten::transpose(%a, %zero, %one)
  %g : Tensor = aten::gelu(%a, %none)
  %h : Tensor = aten::add(%g, %x, %two)
  %twice : Tensor = aten::mul(%h, %h)
  %s : Tensor = aten::sigmoid(%twice)
  %t : Tensor = aten::silu(%s)
  %u : Tensor = aten::mul(%row, %t)
  %v : Tensor = aten::add(%x, %u, %two)
  %late : Tensor = aten::add(%turned, %v, %one)
  %y : Tensor = aten::add(%late, %x, %one)
  return (%y, %h))"),
                               "elementwise");
  const auto x = noise({4, 4}), w = noise({4, 4}), row = noise({4});
  const std::vector<at::Tensor> given = {x, w, row};
  std::vector<at::Tensor> before;
  before.reserve(given.size());
  for (const auto& input : given) before.push_back(input.clone());
  for (const bool inference : {false, true}) {  // in which a view does not know what it is of
    const c10::InferenceMode mode(inference);
    const at::AutoGradMode off(false);
    const auto kept = program.run_whole(given).outputs;
    for (int time = 0; time < 2; ++time) {
      const auto outputs = program(given);
      for (size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(at::equal(outputs[i], kept[i])) << i;
      for (size_t i = 0; i < given.size(); ++i) EXPECT_TRUE(at::equal(given[i], before[i])) << i;
    }
  }

  const at::AutoGradMode on(true);
  const auto leaf = x.clone().requires_grad_(), other = x.clone().requires_grad_();
  const auto back = noise({4, 4});
  const auto pull = [&](const at::Tensor& of, const at::Tensor& to) { return graph::Tape({of}, {to}).pull({back})[0]; };
  EXPECT_TRUE(
      close(pull(program({leaf, w, row})[0], leaf), pull(program.run_whole({other, w, row}).outputs[0], other)));
}

// The result is as large, of the type and laid out as without, whichever operand it could take the place of.
TEST(InPlace, GivesTheShapeTypeAndLayoutOfTheResult) {
  const graph::Program sum(parsed(R"(
graph(%x : Tensor, %y : Tensor):
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::neg(%x)
  %b : Tensor = aten::neg(%y)
  %c : Tensor = aten::add(%a, %b, %one)
  %d : Tensor = aten::neg(%y)
  %e : Tensor = aten::mul(%x, %d)
  return (%c, %e))"),
                           "sum");
  const at::AutoGradMode off(false);
  const auto square = noise({3, 3}), one = noise({1, 3}), column = noise({3, 1}), batch = noise({2, 3, 3});
  const std::vector<std::pair<at::Tensor, at::Tensor>> cases = {{square, one},
                                                                {one, square},
                                                                {column, one},
                                                                {square, square.t()},
                                                                {square.t(), square},
                                                                {square, batch},
                                                                {batch, square},
                                                                {square.to(at::kFloat), square},
                                                                {square, square.to(at::kFloat)},
                                                                {one.expand({3, 3}), square},
                                                                {square, noise({3})},
                                                                {square.t(), noise({3})},
                                                                {noise({3}), square}};
  for (const auto& [x, y] : cases) {
    const auto found = sum({x, y});
    const std::vector<at::Tensor> expected = {x.neg() + y.neg(), x * y.neg()};
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(at::equal(found[i], expected[i]));
      EXPECT_EQ(found[i].strides(), expected[i].strides());
      EXPECT_EQ(found[i].scalar_type(), expected[i].scalar_type());
    }
  }
}

TEST(Tape, InputsStayAsTheyAre) {
  const auto x = noise({2, 3}), w = noise({3, 4});
  product().record({x, w}, {0});
  EXPECT_FALSE(x.requires_grad());
}

}  // namespace
}  // namespace legrad::test
