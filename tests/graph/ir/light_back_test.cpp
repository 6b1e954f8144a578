// GELU and the mean give what LibTorch's do, and so do their gradients, however often they are asked for.

#include "graph/ir/light_back.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/function.h>

#include <functional>
#include <string>
#include <vector>

#include "graph/ir/tape.h"
#include "support/ir.h"

namespace legrad::test {
namespace {

using Function = std::function<at::Tensor(const at::Tensor&)>;

at::Tensor leaf_of(const at::Tensor& x) { return x.detach().clone().requires_grad_(); }

// Three cotangents one after the other, each beside what autograd gives for LibTorch's own operator.
void expect_the_same(const Function& light, const Function& own, const at::Tensor& x, double tolerance = 1e-12) {
  const at::AutoGradMode on(true);
  const auto leaf = leaf_of(x), own_leaf = leaf_of(x);
  const graph::Tape tape({light(leaf)}, {leaf}), own_tape({own(own_leaf)}, {own_leaf});
  const auto& output = tape.outputs()[0];
  EXPECT_TRUE(at::equal(output, own_tape.outputs()[0]));
  for (int i = 0; i < 3; ++i) {
    const auto cotangent = at::randn_like(output.detach());
    const auto found = tape.pull({cotangent}, /*keep=*/true)[0];
    const auto expected = own_tape.pull({cotangent}, /*keep=*/true)[0];
    EXPECT_EQ(found.sizes(), x.sizes());
    EXPECT_TRUE(at::allclose(found, expected, tolerance, tolerance)) << "cotangent " << i << " through " << x.sizes();
  }
}

TEST(LightBack, GeluPassesEveryCotangent) {
  for (const char* approximate : {"none", "tanh"}) {
    const auto own = [&](const at::Tensor& x) { return at::gelu(x, approximate); };
    const auto light = [&](const at::Tensor& x) { return graph::gelu(x, approximate); };
    expect_the_same(light, own, noise({2, 3, 4}));
    expect_the_same(light, own, noise({2, 3, 4}).transpose(0, 1));
    // A slope of few digits would be rounded once more than LibTorch rounds.
    expect_the_same(light, own, noise({2, 3, 4}).to(at::kBFloat16), 0);
    expect_the_same(light, own, noise({2, 3, 4}).to(at::kHalf), 0);
  }
}

TEST(LightBack, AMeanPassesBackToAllThatWentIntoIt) {
  for (const bool keep : {true, false}) {
    for (const std::vector<int64_t>& dims : {std::vector<int64_t>{1}, {-1}, {2, 0}, {0, -2}, {}}) {
      expect_the_same([&](const at::Tensor& x) { return graph::mean(x, dims, keep); },
                      [&](const at::Tensor& x) { return at::mean(x, dims, keep); }, noise({2, 3, 4}));
    }
  }
}

TEST(LightBack, ProgramsUseThem) {
  const graph::Program program(parsed(R"(
graph(%x : Tensor):
  %none : NoneType = prim::Constant()
  %keep : bool = prim::Constant[value=1]()
  %dims : int[] = prim::Constant[value=[1]]()
  %how : str = prim::Constant[value="none"]()
  %y : Tensor = aten::gelu(%x, %how)
  %m : Tensor = aten::mean(%y, %dims, %keep, %none)
  %all : Tensor = aten::mean(%m, %none)
  return (%m, %all))"),
                               "means");
  const auto x = noise({2, 3, 4});
  const auto tape = program.record({x}, {0});
  EXPECT_TRUE(close(tape.outputs()[1], at::gelu(x).mean(1).mean()));
  const auto cotangent = noise({2, 1, 4});
  const auto pulled = tape.pull({cotangent, at::ones({}, at::kDouble)})[0];
  EXPECT_TRUE(close(pulled, at::gelu_backward(((cotangent + 1.0 / 8) / 3).expand({2, 3, 4}), x)));
  const auto reader = [](const at::Tensor& m) { return m.grad_fn() ? m.grad_fn()->name() : std::string(); };
  EXPECT_NE(reader(tape.outputs()[0]).find("legrad"), std::string::npos) << reader(tape.outputs()[0]);
}

TEST(LightBack, WithoutGradientsNothingIsKept) {
  const at::AutoGradMode on(true);
  EXPECT_FALSE(graph::gelu(noise({2}), "none").requires_grad());
  EXPECT_FALSE(graph::mean(noise({2}), {0}, false).requires_grad());
  const at::AutoGradMode off(false);
  EXPECT_FALSE(graph::gelu(at::zeros({2}).requires_grad_(), "none").requires_grad());
}

}  // namespace
}  // namespace legrad::test
