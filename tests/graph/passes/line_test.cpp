// A line whose sizes follow its input, the pieces it is cut into, and the output that is chosen.

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "graph/passes/activations.h"
#include "graph/passes/cut.h"
#include "graph/passes/free_sizes.h"
#include "graph/passes/outputs.h"
#include "support/ir.h"

namespace legrad::test {
namespace {

// --- free_sizes

TEST(FreeSizes, AReshapeThatNamesTheExamplesBatchFollowsAnother) {
  auto line = line_of(R"(
graph(%x : Tensor):
  %sizes : int[] = prim::Constant[value=[2, 4, 3, 2]]()
  %split : Tensor = aten::reshape(%x, %sizes)
  %flat : int[] = prim::Constant[value=[2, 24]]()
  %y : Tensor = aten::view(%split, %flat)
  return (%y))",
                      noise({2, 4, 6}));
  EXPECT_ANY_THROW(run(line, noise({5, 4, 6})));
  graph::free_sizes(line);
  const auto x = noise({5, 4, 6});
  EXPECT_TRUE(close(run(line, x), x.reshape({5, 24})));
  const auto fewer_rows = noise({3, 2, 6});
  EXPECT_TRUE(close(run(line, fewer_rows), fewer_rows.reshape({3, 12})));
}

TEST(FreeSizes, AnExpandKeepsWhatIsThere) {
  auto line = line_of(R"(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %three : Tensor = aten::unsqueeze(%x, %one)
  %implicit : bool = prim::Constant[value=0]()
  %sizes : int[] = prim::Constant[value=[2, 4, 3]]()
  %wide : Tensor = aten::expand(%three, %sizes, %implicit)
  %dims : int[] = prim::Constant[value=[1]]()
  %none : NoneType = prim::Constant()
  %y : Tensor = aten::sum(%wide, %dims, %implicit, %none)
  return (%y))",
                      noise({2, 3}));
  graph::free_sizes(line);
  const auto x = noise({5, 3});
  EXPECT_TRUE(close(run(line, x), 4 * x));
}

TEST(FreeSizes, ASliceToTheEndGoesToTheEnd) {
  auto line = line_of(R"(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %y : Tensor = aten::slice(%x, %zero, %zero, %two, %one)
  %five : int = prim::Constant[value=5]()
  %z : Tensor = aten::slice(%y, %one, %zero, %one, %one)
  return (%z))",
                      noise({2, 3}));
  graph::free_sizes(line);
  const auto x = noise({5, 3});
  EXPECT_TRUE(close(run(line, x), x.narrow(1, 0, 1))) << "a slice that ends before the end stays";
}

// --- cut

// A block's tail over tokens [B, N, d]: x + γ ⊙ (W relu(x) + b), then the class token.
constexpr const char* kTail = R"(
graph(%x : Tensor, %w : Tensor, %b : Tensor, %gamma : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %context : Tensor = aten::relu(%x)
  %h : Tensor = aten::linear(%context, %w, %b)
  %s : Tensor = aten::mul(%h, %gamma)
  %tokens : Tensor = aten::add(%x, %s, %one)
  %y : Tensor = aten::select(%tokens, %one, %zero)
  return (%y))";

graph::Value* output_of(const graph::StraightLine& line, const char* name) {
  return graph::find_all(*line.graph, name).at(0)->output();
}

struct Tail {
  at::Tensor w = noise({4, 4}), b = noise({4}), gamma = noise({4});
  graph::StraightLine line = line_of(kTail, noise({2, 5, 4}), {w, b, gamma});
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& context) const {
    return x + gamma * at::linear(context, w, b);
  }
};

TEST(Cut, APieceGivesWhatTheLineGivesThere) {
  const Tail tail;
  const auto program =
      graph::cut(tail.line, {output_of(tail.line, "relu"), tail.line.input()}, {output_of(tail.line, "add")}, "tail");
  const auto context = noise({3, 2, 4}), x = noise({3, 2, 4});  // another batch, fewer rows
  EXPECT_TRUE(close(program({context, x, x})[0], tail(x, context)));
}

TEST(Cut, RefusesAPieceThatReadsTheInputByAnotherWay) {
  const Tail tail;
  EXPECT_EQ(
      refusal([&] { graph::cut(tail.line, {output_of(tail.line, "relu")}, {output_of(tail.line, "add")}, "tail"); }),
      to_string(Reason::kNotOneStream));
}

TEST(Cut, SizesOfTheInputComeFromTheStandIn) {
  const auto line = line_of(R"(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %a : Tensor = aten::relu(%x)
  %batch : int = aten::size(%x, %zero)
  %all : int = prim::Constant[value=-1]()
  %sizes : int[] = prim::ListConstruct(%batch, %all)
  %y : Tensor = aten::reshape(%a, %sizes)
  return (%y))",
                            noise({2, 3, 4}));
  const auto program = graph::cut(line, {output_of(line, "relu")}, {line.result()}, "piece");
  const auto a = noise({5, 3, 4});
  const auto nobody_reads = at::full({5, 3, 4}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  EXPECT_TRUE(close(program({a, nobody_reads})[0], a.reshape({5, 12})));
}

// The file's own value may be viewed in another shape; what stands in its place may lie in memory otherwise.
TEST(Cut, APieceTakesInputsThatLieOtherwiseInMemory) {
  const auto line = line_of(R"(
graph(%x : Tensor):
  %a : Tensor = aten::relu(%x)
  %sizes : int[] = prim::Constant[value=[2, 12]]()
  %y : Tensor = aten::view(%a, %sizes)
  return (%y))",
                            noise({2, 3, 4}));
  const auto program = graph::cut(line, {output_of(line, "relu")}, {line.result()}, "piece");
  const auto a = noise({2, 4, 3}).transpose(1, 2);
  EXPECT_TRUE(close(program({a, a})[0], a.reshape({2, 12})));
}

TEST(CutWithMean, TheMeanIsPushedThroughWhatIsLinear) {
  const Tail tail;
  const auto [program, mean] = graph::cut_with_means(tail.line, {output_of(tail.line, "relu"), tail.line.input()},
                                                     output_of(tail.line, "add"), "tail");
  const auto context = noise({3, 5, 4}), x = noise({3, 5, 4});
  const auto outputs = program({context, x, x});
  const auto expected = tail(x, context);
  EXPECT_TRUE(close(outputs[0], expected));
  ASSERT_EQ(outputs.size(), 3U);
  EXPECT_TRUE(close(mean({outputs[1], outputs[2]})[0], expected.mean(1, true)));
  // The gradient of the mean passes the linear layer as one row, and then goes back to every token.
  const auto cotangent = noise({3, 1, 4});
  auto at_means = mean.record({outputs[1], outputs[2]}, {0, 1}).pull({cotangent});
  at_means.insert(at_means.begin(), at::Tensor());
  const auto pulled = program.record({context, x, x}, {0}).pull(at_means)[0];
  EXPECT_TRUE(close(pulled, (at::matmul(cotangent * tail.gamma, tail.w) / 5).expand({3, 5, 4})));
}

// --- outputs

std::string chosen(const std::string& wanted) {
  graph::StraightenOptions options;
  options.output = wanted;
  const auto x = noise({2, 3, 4});
  const auto line = graph::straighten(source_of(R"(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %a : str = prim::Constant[value="tokens"]()
  %b : str = prim::Constant[value="logits"]()
  %c : str = prim::Constant[value="pooled"]()
  %tokens : Tensor = aten::neg(%x)
  %logits : Tensor = aten::select(%x, %one, %zero)
  %pooled : Tensor = aten::select(%x, %one, %one)
  %y : Dict(str, Tensor) = prim::DictConstruct(%a, %tokens, %b, %logits, %c, %pooled)
  return (%y))"),
                                      x, options);
  for (int64_t row = 0; row < 2; ++row) {
    if (at::equal(line.output, x.select(1, row))) return row == 0 ? "logits" : "pooled";
  }
  return "neither";
}

TEST(Outputs, TheFirstOfShapeBatchAndClasses) { EXPECT_EQ(chosen(""), "logits"); }
TEST(Outputs, TheOneThatIsNamed) { EXPECT_EQ(chosen("pooled"), "pooled"); }
TEST(Outputs, TheOneOfAnIndex) { EXPECT_EQ(chosen("2"), "pooled"); }
TEST(Outputs, RefusesWhatIsNotThere) {
  EXPECT_EQ(refusal([] { chosen("scores"); }), to_string(Reason::kNoSuitableOutput));
}
TEST(Outputs, RefusesAnotherShape) {
  EXPECT_EQ(refusal([] { chosen("tokens"); }), to_string(Reason::kNoSuitableOutput));
}

graph::StraightLine of_one_output(const std::string& operators, const at::Tensor& x,
                                  const graph::StraightenOptions& options = {}) {
  return graph::straighten(source_of(R"(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %yes : bool = prim::Constant[value=1]()
)" + operators + "\n  return (%y)"),
                           x, options);
}

TEST(Outputs, OneRowIsScores) {
  const auto x = noise({3, 1, 4});
  const auto line = of_one_output("  %y : Tensor = aten::neg(%x)", x);
  EXPECT_TRUE(close(line.output, -x.squeeze(1)));
  EXPECT_TRUE(close(run(line, x), line.output));
}

TEST(Outputs, ASqueezedLogitIsTheScoreOfAnOnlyClass) {
  const auto x = noise({3, 4});
  const auto line = of_one_output("  %y : Tensor = aten::select(%x, %one, %zero)", x);
  EXPECT_TRUE(close(line.output, x.narrow(1, 0, 1)));
  EXPECT_TRUE(close(run(line, x), line.output));
}

TEST(Outputs, OfScoresAtPlacesTheMeanOrOne) {
  const auto x = noise({2, 5, 3, 4});
  const auto mean = of_one_output("  %y : Tensor = aten::neg(%x)", x);
  EXPECT_TRUE(close(mean.output, -x.mean({2, 3})));
  EXPECT_TRUE(close(run(mean, x), mean.output));
  EXPECT_EQ(mean.output_is, "the mean over 3 x 4 places");
  graph::StraightenOptions options;
  options.place = {2, 1};
  const auto one = of_one_output("  %y : Tensor = aten::neg(%x)", x, options);
  EXPECT_TRUE(close(one.output, -x.select(2, 2).select(2, 1)));
  EXPECT_TRUE(close(run(one, x), one.output));
  EXPECT_EQ(one.output_is, "place 2,1 of 3 x 4 places");
  options.place = {3, 0};
  EXPECT_THROW(of_one_output("  %y : Tensor = aten::neg(%x)", x, options), InputError);
  const auto scores = noise({2, 5});
  EXPECT_THROW(of_one_output("  %y : Tensor = aten::neg(%x)", scores, options), ModelError) << "it has no places";
}

TEST(Outputs, RefusesATopK) {
  const auto why = [](const char* operators) {
    try {
      of_one_output(operators, noise({2, 5}));
    } catch (const ModelError& error) {
      return std::string(error.what());
    }
    return std::string("nothing was refused");
  };
  EXPECT_NE(why(R"(
  %v : Tensor, %i : Tensor = aten::topk(%x, %one, %one, %yes, %yes)
  %y : (Tensor, Tensor) = prim::TupleConstruct(%v, %i))")
                .find("top-k"),
            std::string::npos);
  EXPECT_NE(why(R"(
  %v : Tensor, %i : Tensor = aten::topk(%x, %one, %one, %yes, %yes)
  %w : Tensor = aten::neg(%v)
  %y : (Tensor, Tensor) = prim::TupleConstruct(%w, %i))")
                .find("top-k"),
            std::string::npos);
}

// x sigmoid(g) in either order, with g made of x.
std::shared_ptr<graph::Graph> gated(const std::string& gate, const std::string& product) {
  return parsed(
      "graph(%x : Tensor):\n  %c : float = prim::Constant[value=1.702]()\n"
      "  %one : int = prim::Constant[value=1]()\n" +
      gate + "  %s : Tensor = aten::sigmoid(%g)\n  %z : Tensor = aten::mul(" + product +
      ")\n  %y : Tensor = aten::neg(%z)\n  return (%y)\n");
}

/// SiLU and quick GELU, spelled with a sigmoid, are one activation each, with the numbers that they had.
TEST(Activations, AValueGatedByItselfIsOne) {
  const auto x = noise({2, 3});
  for (const std::string product : {"%x, %s", "%s, %x"}) {
    const auto quick = gated("  %g : Tensor = aten::mul(%x, %c)\n", product);
    graph::recompose_activations(*quick);
    quick->lint();
    EXPECT_EQ(graph::find_all(*quick, "silu").size(), 1U);
    EXPECT_EQ(graph::find_all(*quick, "sigmoid").size(), 0U);
    EXPECT_TRUE(close(graph::Program(quick, "quick GELU")({x}).at(0), -x * (1.702 * x).sigmoid()));
  }
  const auto other = gated("  %g : Tensor = aten::add(%x, %x, %one)\n", "%x, %s");
  graph::recompose_activations(*other);
  EXPECT_EQ(graph::find_all(*other, "silu").size(), 0U) << "its gate is another value";
}

}  // namespace
}  // namespace legrad::test
