// Linear layers: of a few rows, packed, or known already, they give what the product by definition gives, and so do
// their gradients.

#include "graph/ir/linear.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "graph/ir/packed_linear.h"
#include "graph/ir/program.h"
#include "support/ir.h"

namespace legrad::test {
namespace {

// Two layers with something between them; the weights are constants of the graph.
graph::Program layers(const at::Tensor& first, const at::Tensor& bias, const at::Tensor& second) {
  const auto graph = parsed(R"(
graph(%x : Tensor, %v : Tensor, %b : Tensor, %w : Tensor):
  %none : NoneType = prim::Constant()
  %inner : Tensor = aten::linear(%x, %v, %b)
  %square : Tensor = aten::mul(%inner, %inner)
  %outer : Tensor = aten::linear(%square, %w, %none)
  return (%outer))");
  const torch::jit::WithInsertPoint top(graph->block()->nodes().front());
  for (size_t i = 3; i > 0; --i) {
    const at::Tensor& weight = i == 1 ? first : i == 2 ? bias : second;
    graph->inputs()[i]->replaceAllUsesWith(graph->insertConstant(weight));
    graph->eraseInput(i);
  }
  return {graph, "two layers"};
}

at::Tensor by_definition(const at::Tensor& x, const at::Tensor& first, const at::Tensor& bias,
                         const at::Tensor& second) {
  return (x.matmul(first.t()) + bias).pow(2).matmul(second.t());
}

class LinearTest : public ::testing::Test {
 protected:
  at::Tensor first_ = noise({12, 6}), bias_ = noise({12}), second_ = noise({5, 12});
  graph::Program program_ = layers(first_, bias_, second_);

  at::Tensor expected(const at::Tensor& x) const { return by_definition(x, first_, bias_, second_); }

  static at::Tensor gradient_of(const at::Tensor& output, const at::Tensor& leaf, const at::Tensor& back) {
    return graph::Tape({output}, {leaf}).pull({back})[0];
  }

  // Rows 1 and 4 of both images, twice, once they are known.
  static graph::LinearRows rows_of(int64_t batch, int64_t tokens) {
    return {batch, tokens, [](const at::Tensor& all, int64_t dim) {
              return at::cat({all.narrow(dim, 1, 1), all.narrow(dim, 4, 1)}, dim);
            }};
  }
};

TEST_F(LinearTest, OfAFewRowsOnAllCores) {
  const int before = at::get_num_threads();
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    for (const int64_t rows : {1, 3, 20}) {
      const auto x = noise({2, rows, 6}).requires_grad_();
      const auto output = graph::linear(x, first_, bias_);
      const auto back = noise({2, rows, 12});
      EXPECT_TRUE(close(output, x.matmul(first_.t()) + bias_));
      EXPECT_TRUE(close(gradient_of(output, x, back), back.matmul(first_)));
      const auto by_weight = [&](const at::Tensor& cotangent) { return graph::linear_back(cotangent, first_); };
      const auto known = graph::with_back(
          x, [&] { return output.detach(); }, by_weight);
      EXPECT_TRUE(close(gradient_of(known, x, back), back.matmul(first_)));
    }
  }
  at::set_num_threads(before);
}

TEST_F(LinearTest, KnownRowsAreNotComputedAgain) {
  const auto x = noise({2, 7, 6});
  for (const bool tokens_first : {false, true}) {
    auto rows = rows_of(2, 7);
    const auto turned = [&](const at::Tensor& t) { return tokens_first ? t.transpose(0, 1).contiguous() : t; };
    EXPECT_TRUE(close(turned(program_.keeping(rows, {turned(x)})[0]), expected(x)));
    const auto chosen = at::cat({x.narrow(1, 1, 1), x.narrow(1, 4, 1)}, 1);
    const auto leaf = chosen.repeat({2, 1, 1}).requires_grad_();  // for two targets
    const auto output = turned(program_.knowing(rows, {turned(leaf)})[0]);
    EXPECT_TRUE(close(output, expected(chosen).repeat({2, 1, 1})));
    const auto back = noise({4, 2, 5});
    const auto by_autograd = chosen.repeat({2, 1, 1}).requires_grad_();
    EXPECT_TRUE(close(gradient_of(output, leaf, back), gradient_of(expected(by_autograd), by_autograd, back)));
    // Whatever is given for them, the layers gave what they gave.
    EXPECT_TRUE(close(turned(program_.knowing(rows, {turned(at::zeros_like(chosen))})[0]), expected(chosen)));
  }
}

TEST_F(LinearTest, WhatMayBeTokensOrImagesIsComputedAgain) {
  auto rows = rows_of(7, 7);
  program_.keeping(rows, {noise({7, 7, 6})});
  const auto other = noise({7, 2, 6});
  EXPECT_TRUE(close(program_.knowing(rows, {other})[0], expected(other)));
}

TEST_F(LinearTest, RowsThatDoNotFitAreComputedAgain) {
  auto rows = rows_of(2, 7);
  program_.keeping(rows, {noise({2, 7, 6})});
  for (const auto& other : {noise({2, 3, 6}), noise({3, 2, 6}), noise({2, 6})}) {
    EXPECT_TRUE(close(program_.knowing(rows, {other})[0], expected(other)));
  }
}

class PackedLinearTest : public LinearTest {
 protected:
  void SetUp() override {
    if (!graph::LinearPacker(1, 1 << 20).pack(at::zeros({2, 2}))) GTEST_SKIP() << "this LibTorch packs no weights";
  }
  static bool near(const at::Tensor& a, const at::Tensor& b) { return at::allclose(a.to(at::kDouble), b, 1e-4, 1e-4); }
};

TEST_F(PackedLinearTest, GivesTheSameForAnyNumberOfRows) {
  graph::LinearPacker packer(7, 1 << 20);
  const auto v = first_.to(at::kFloat), b = bias_.to(at::kFloat), w = second_.to(at::kFloat);
  const auto program = layers(v, b, w).packed(packer);
  for (const int64_t rows : {1, 7, 8, 14, 70}) {
    const auto x = noise({1, rows, 6}).to(at::kFloat).requires_grad_();
    const auto output = program({x})[0];
    EXPECT_TRUE(near(output, expected(x.to(at::kDouble)))) << rows;
    const auto back = noise({1, rows, 5});
    const auto leaf = x.detach().to(at::kDouble).requires_grad_();
    EXPECT_TRUE(near(gradient_of(output, x, back.to(at::kFloat)), gradient_of(expected(leaf), leaf, back))) << rows;
  }
  // Seven rows are multiplied with what was packed, whatever becomes of the weight it was made of.
  const auto x = noise({1, 7, 6}), more = noise({1, 8, 6});
  v.zero_();
  EXPECT_TRUE(near(program({x.to(at::kFloat)})[0], expected(x)));
  EXPECT_FALSE(near(program({more.to(at::kFloat)})[0], expected(more)));
}

TEST_F(PackedLinearTest, RowsApartInMemoryAreTakenToo) {
  graph::LinearPacker packer(7, 1 << 20);
  const auto program = layers(first_.to(at::kFloat), bias_.to(at::kFloat), second_.to(at::kFloat)).packed(packer);
  const auto x = noise({1, 6, 7}).transpose(1, 2);
  EXPECT_TRUE(near(program({x.to(at::kFloat)})[0], expected(x)));
}

TEST_F(PackedLinearTest, TakesNoMoreThanItMay) {
  const auto one = at::ones({4, 8}), other = at::ones({4, 8});
  graph::LinearPacker packer(3, int64_t{4} * 8 * 4);
  EXPECT_TRUE(packer.pack(one));
  EXPECT_FALSE(packer.pack(other));
  EXPECT_TRUE(packer.pack(one)) << "it is packed already";
}

TEST_F(PackedLinearTest, LeavesWhatTheLibraryCannotPack) {
  graph::LinearPacker packer(3, 1 << 20);
  EXPECT_FALSE(packer.pack(at::ones({4, 8}, at::kDouble)));
  EXPECT_FALSE(packer.pack(at::ones({8, 4}).t()));
  EXPECT_FALSE(packer.pack(at::ones({8})));
}

}  // namespace
}  // namespace legrad::test
