// What is kept of a forward that was run once: branches, loops, writes, and what is refused.

#include "graph/passes/straighten.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "graph/passes/unfuse_attention.h"
#include "support/ir.h"

namespace legrad::test {
namespace {

std::string refused_with(const std::string& ir, const std::vector<c10::IValue>& given = {},
                         const graph::StraightenOptions& options = {}) {
  return refusal([&] { graph::straighten(source_of(ir, given), noise({2, 3}), options); });
}

TEST(Straighten, KeepsTheBranchThatIsTaken) {
  const std::string ir = R"(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %batch : int = aten::size(%x, %zero)
  %two : int = prim::Constant[value=2]()
  %is_two : bool = aten::eq(%batch, %two)
  %y : Tensor = prim::If(%is_two)
    block0():
      %a : Tensor = aten::relu(%x)
      -> (%a)
    block1():
      %b : Tensor = aten::neg(%x)
      -> (%b)
  return (%y))";
  const auto x = noise({2, 3});
  const auto line = line_of(ir, x);
  EXPECT_EQ(count(line, "relu"), 1U);
  EXPECT_EQ(count(line, "neg"), 0U);
  EXPECT_TRUE(line.graph->block()->nodes().begin()->blocks().empty());
  EXPECT_TRUE(close(run(line, x), at::relu(x)));
  EXPECT_TRUE(close(run(line_of(ir, noise({3, 3})), x), -x));
}

TEST(Straighten, UnrollsLoops) {
  const std::string ir = R"(
graph(%x : Tensor):
  %trips : int = prim::Constant[value=3]()
  %true : bool = prim::Constant[value=1]()
  %y : Tensor = prim::Loop(%trips, %true, %x)
    block0(%i : int, %carried : Tensor):
      %grown : Tensor = aten::mul(%carried, %carried)
      -> (%true, %grown)
  return (%y))";
  const auto x = noise({2, 3});
  const auto line = line_of(ir, x);
  EXPECT_EQ(count(line, "mul"), 3U);
  EXPECT_TRUE(close(run(line, x), x.pow(8)));
}

TEST(Straighten, MakesWritesFunctional) {
  const std::string ir = R"(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %fresh : Tensor = aten::relu(%x)
  %same : Tensor = aten::add_(%fresh, %x, %one)
  %y : Tensor = aten::mul(%fresh, %same)
  return (%y))";
  const auto x = noise({2, 3});
  const auto kept = x.clone();
  const auto line = line_of(ir, x);
  EXPECT_EQ(count(line, "add_"), 0U);
  EXPECT_EQ(count(line, "add"), 1U);
  EXPECT_TRUE(close(run(line, x), (at::relu(x) + x).pow(2)));  // who reads the first name later sees the write
  EXPECT_TRUE(at::equal(x, kept));
}

TEST(Straighten, WhatFollowsFromWeightsAloneIsOneConstant) {
  const std::string ir = R"(
graph(%x : Tensor, %w : Tensor):
  %a : Tensor = aten::neg(%w)
  %b : Tensor = aten::exp(%a)
  %y : Tensor = aten::mul(%x, %b)
  return (%y))";
  const auto w = noise({3});
  const auto x = noise({2, 3});
  const auto line = line_of(ir, x, {w});
  EXPECT_EQ(count(line, "neg") + count(line, "exp"), 0U);
  EXPECT_EQ(graph::count_parameters(line), 3);
  EXPECT_TRUE(close(run(line, x), x * at::exp(-w)));
}

TEST(Straighten, AListThatGrowsIsTheLongerList) {
  const std::string ir = R"(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %list : Tensor[] = prim::ListConstruct()
  %a : Tensor = aten::relu(%x)
  %l1 : Tensor[] = aten::append(%list, %a)
  %b : Tensor = aten::neg(%x)
  %l2 : Tensor[] = aten::append(%list, %b)
  %y : Tensor = aten::cat(%list, %one)
  return (%y))";
  const auto x = noise({2, 3});
  EXPECT_TRUE(close(run(line_of(ir, x), x), at::cat({at::relu(x), -x}, 1)));
}

TEST(Straighten, DropoutThatIsOffGoes) {
  const std::string ir = R"(
graph(%x : Tensor, %p : float, %train : bool):
  %y : Tensor = aten::dropout(%x, %p, %train)
  %z : Tensor = aten::neg(%y)
  return (%z))";
  EXPECT_EQ(count(line_of(ir, noise({2, 3}), {0.5, false}), "dropout"), 0U);
  EXPECT_EQ(refused_with(ir, {0.5, true}), to_string(Reason::kTrainingMode));
}

/// A call of %x in a branch that is taken if the second argument says so; else -x.
std::string in_branch(const std::string& call) {
  return R"(
graph(%x : Tensor, %taken : bool):
  %zero : float = prim::Constant[value=0.]()
  %none : NoneType = prim::Constant()
  %y : Tensor = prim::If(%taken)
    block0():
      %r : Tensor = )" +
         call + R"(
      -> (%r)
    block1():
      %n : Tensor = aten::neg(%x)
      -> (%n)
  return (%y))";
}

TEST(Straighten, RandomNumbersCountWhereTheyAreDrawn) {
  const std::string ir = in_branch("aten::bernoulli(%x, %none)");
  const auto x = noise({2, 3});
  EXPECT_TRUE(close(run(line_of(ir, x, {false}), x), -x));
  EXPECT_EQ(refused_with(ir, {true}), to_string(Reason::kTrainingMode));
}

TEST(Straighten, NestedTensorsCountWhereTheyAreMade) {
  const std::string ir = in_branch("aten::to_padded_tensor(%x, %zero, %none)");
  const auto x = noise({2, 3});
  EXPECT_TRUE(close(run(line_of(ir, x, {false}), x), -x));
  EXPECT_EQ(refused_with(ir, {true}), to_string(Reason::kNotAllowed));
}

TEST(Straighten, WhatABranchHandsOutMayBeWrittenInto) {
  const std::string ir = R"(
graph(%x : Tensor, %copy : bool):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %y : Tensor = prim::If(%copy)
    block0():
      %c : Tensor = aten::clone(%x, %none)
      -> (%c)
    block1():
      -> (%x)
  %z : Tensor = aten::add_(%y, %one, %one)
  %r : Tensor = aten::mul(%z, %x)
  return (%r))";
  const auto x = noise({2, 3});
  EXPECT_TRUE(close(run(line_of(ir, x, {true}), x), (x + 1) * x));
  EXPECT_EQ(refused_with(ir, {false}), to_string(Reason::kWritesInPlace)) << "the images themselves";
}

TEST(Straighten, RefusesABranchOnPixels) {
  EXPECT_EQ(refused_with(R"(
graph(%x : Tensor):
  %none : NoneType = prim::Constant()
  %sum : Tensor = aten::sum(%x, %none)
  %positive : bool = aten::Bool(%sum)
  %y : Tensor = prim::If(%positive)
    block0():
      %a : Tensor = aten::relu(%x)
      -> (%a)
    block1():
      -> (%x)
  return (%y))"),
            to_string(Reason::kDependsOnPixels));
}

TEST(Straighten, RefusesANumberReadOutOfPixels) {
  EXPECT_EQ(refused_with(R"(
graph(%x : Tensor):
  %none : NoneType = prim::Constant()
  %sum : Tensor = aten::sum(%x, %none)
  %number : Scalar = aten::item(%sum)
  %y : Tensor = aten::mul(%x, %number)
  return (%y))"),
            to_string(Reason::kDependsOnPixels));
}

TEST(Straighten, RefusesALoopWithoutEnd) {
  graph::StraightenOptions options;
  options.limits.trips = 5;
  EXPECT_EQ(refused_with(R"(
graph(%x : Tensor):
  %trips : int = prim::Constant[value=6]()
  %true : bool = prim::Constant[value=1]()
  %y : Tensor = prim::Loop(%trips, %true, %x)
    block0(%i : int, %carried : Tensor):
      %grown : Tensor = aten::neg(%carried)
      -> (%true, %grown)
  return (%y))",
                         {}, options),
            to_string(Reason::kTooLarge));
}

TEST(Straighten, RefusesAnotherInput) {
  auto source = source_of(R"(
graph(%x : Tensor, %text : Tensor):
  %y : Tensor = aten::mul(%x, %text)
  return (%y))");
  source.arguments.push_back({"text", "Tensor"});
  EXPECT_EQ(refusal([&] { graph::straighten(source, noise({2, 3}), {}); }), to_string(Reason::kOtherInput));
}

TEST(Straighten, AnOperatorThatDoesNotFitTheExampleIsAFailedRun) {
  const std::string ir = R"(
graph(%x : Tensor, %w : Tensor):
  %y : Tensor = aten::matmul(%x, %w)
  return (%y))";
  EXPECT_THROW(line_of(ir, noise({2, 3}), {noise({4, 5})}), graph::ExecutionError);
}

// --- storage

TEST(Storage, RefusesAWriteThatIsReadUnderAnotherName) {
  EXPECT_EQ(refused_with(R"(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %fresh : Tensor = aten::neg(%x)
  %view : Tensor = aten::select(%fresh, %one, %zero)
  %w : Tensor = aten::relu_(%fresh)
  %sum : Tensor = aten::sum(%view)
  %y : Tensor = aten::add(%w, %sum, %one)
  return (%y))"),
            to_string(Reason::kWritesInPlace));
}

// Whether what is written comes from the input or is a constant.
class StorageOfWeights : public testing::TestWithParam<const char*> {};

TEST_P(StorageOfWeights, IsNotWrittenInto) {
  auto source = source_of(std::string(R"(
graph(%x : Tensor, %w : Tensor):
  %one : int = prim::Constant[value=1]()
  %changed : Tensor = aten::add_(%w, )") +
                              GetParam() + R"(, %one)
  %y : Tensor = aten::mul(%x, %changed)
  return (%y))",
                          {1});
  const auto weight = noise({2, 3});
  const auto kept = weight.clone();
  {
    const torch::jit::WithInsertPoint guard(*source.graph->nodes().begin());
    source.graph->inputs()[1]->replaceAllUsesWith(source.graph->insertConstant(weight));
  }
  EXPECT_EQ(refusal([&] { graph::straighten(source, noise({2, 3}), {}); }), to_string(Reason::kWritesInPlace));
  EXPECT_TRUE(at::equal(weight, kept));
}

INSTANTIATE_TEST_SUITE_P(Written, StorageOfWeights, testing::Values("%x", "%one"));

TEST(Storage, AWriteIntoConstantsIsMadeAsItStands) {
  const std::string ir = R"(
graph(%x : Tensor):
  %none : NoneType = prim::Constant()
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %seven : int = prim::Constant[value=7]()
  %width : int = aten::size(%x, %one)
  %sizes : int[] = prim::ListConstruct(%width)
  %zeros : Tensor = aten::zeros(%sizes, %none, %none, %none, %none)
  %first : Tensor = aten::select(%zeros, %zero, %zero)
  %written : Tensor = aten::fill_(%first, %seven)
  %y : Tensor = aten::mul(%x, %zeros)
  return (%y))";
  const auto x = noise({2, 3});
  EXPECT_TRUE(close(run(line_of(ir, x), x), x * at::tensor({7.0, 0.0, 0.0}, at::kDouble)));
}

// --- unfuse_attention

TEST(UnfuseAttention, GivesWhatTheFusedOneGives) {
  auto source = source_of(R"(
graph(%x : Tensor, %width : int, %heads : int, %qkv : Tensor, %qkv_bias : Tensor, %out : Tensor, %out_bias : Tensor):
  %none : NoneType = prim::Constant()
  %false : bool = prim::Constant[value=0]()
  %true : bool = prim::Constant[value=1]()
  %y : Tensor, %weights : Tensor = aten::_native_multi_head_attention(
      %x, %x, %x, %width, %heads, %qkv, %qkv_bias, %out, %out_bias, %none, %false, %true, %none)
  return (%y))");
  const auto x = noise({2, 5, 6}).to(at::kFloat);
  const auto qkv = at::randn({18, 6}), qkv_bias = at::randn({18}), out = at::randn({6, 6}), out_bias = at::randn({6});
  const std::vector<c10::IValue> given = {6, 2, qkv, qkv_bias, out, out_bias};
  for (const auto& value : given) source.arguments.push_back({"given", "Any", value});
  const auto plain = graph::unfuse_attention(source);
  EXPECT_EQ(graph::find_all(*plain.graph, "_native_multi_head_attention").size(), 0U);
  EXPECT_EQ(graph::find_all(*plain.graph, "scaled_dot_product_attention").size(), 1U);
  EXPECT_EQ(graph::find_all(*source.graph, "_native_multi_head_attention").size(), 1U) << "the source stays";
  const auto expected =
      std::get<0>(at::_native_multi_head_attention(x, x, x, 6, 2, qkv, qkv_bias, out, out_bias, {}, false, true, {}));
  auto wanted = plain;
  wanted.graph = plain.graph->copy();
  // The output is [B, N, d]; one token of it is a prediction.
  auto* y = wanted.graph->outputs()[0];
  wanted.graph->eraseOutput(0);
  auto* one = wanted.graph->insertConstant(1);
  auto* token = wanted.graph->insert(c10::Symbol::aten("select"), {y, one, one});
  wanted.graph->registerOutput(token);
  const auto line = graph::straighten(wanted, x, {});
  EXPECT_TRUE(at::allclose(run(line, x), expected.select(1, 1), 1e-4, 1e-5));
}

class EncoderLayer : public testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(EncoderLayer, GivesWhatTheFusedOneGives) {
  const auto [gelu, norm_first] = GetParam();
  constexpr double kEps = 1e-3;
  const auto x = noise({2, 5, 6});
  const auto w = [](at::IntArrayRef sizes) { return noise(sizes); };
  const std::vector<at::Tensor> weights = {w({18, 6}), w({18}), w({6, 6}), w({6}), w({6}),    w({6}),
                                           w({6}),     w({6}),  w({8, 6}), w({8}), w({6, 8}), w({6})};
  std::string names;
  for (size_t i = 0; i < weights.size(); ++i) names += ", %w" + std::to_string(i) + " : Tensor";
  std::vector<c10::IValue> given(weights.begin(), weights.end());
  for (const c10::IValue& value : {c10::IValue(6), c10::IValue(2), c10::IValue(gelu), c10::IValue(norm_first)}) {
    given.push_back(value);
  }
  auto source = source_of("graph(%x : Tensor" + names + R"(, %width : int, %heads : int, %gelu : bool, %first : bool):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %eps : float = prim::Constant[value=0.001]()
  %z : Tensor = aten::_transformer_encoder_layer_fwd(
      %x, %width, %heads, %w0, %w1, %w2, %w3, %gelu, %first, %eps, %w4, %w5, %w6, %w7, %w8, %w9, %w10, %w11, %none,
      %none)
  %y : Tensor = aten::select(%z, %one, %one)
  return (%y))",
                          given);
  const auto plain = graph::unfuse_attention(source);
  EXPECT_EQ(graph::find_all(*plain.graph, "_transformer_encoder_layer_fwd").size(), 0U);
  const auto line = graph::straighten(plain, x, {});
  const auto norm = [&](const at::Tensor& z, size_t at) {
    return at::layer_norm(z, {6}, weights[at], weights[at + 1], kEps);
  };
  const auto attend = [&](const at::Tensor& z) {
    const auto parts = at::linear(z, weights[0], weights[1]).reshape({2, 5, 3, 2, 3}).permute({2, 0, 3, 1, 4});
    const auto map = at::softmax(at::matmul(parts[0], parts[1].transpose(-2, -1)) / std::sqrt(3.0), -1);
    return at::linear(at::matmul(map, parts[2]).transpose(1, 2).reshape({2, 5, 6}), weights[2], weights[3]);
  };
  const auto widen = [&, use_gelu = gelu](const at::Tensor& z) {
    const auto wide = at::linear(z, weights[8], weights[9]);
    return at::linear(use_gelu ? at::gelu(wide) : at::relu(wide), weights[10], weights[11]);
  };
  at::Tensor expected;
  if (norm_first) {
    const auto middle = x + attend(norm(x, 4));
    expected = middle + widen(norm(middle, 6));
  } else {
    const auto middle = norm(x + attend(x), 4);
    expected = norm(middle + widen(middle), 6);
  }
  EXPECT_TRUE(close(run(line, x), expected.select(1, 1)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, EncoderLayer, testing::Combine(testing::Bool(), testing::Bool()));

}  // namespace
}  // namespace legrad::test
