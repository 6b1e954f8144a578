// The parts of a vision transformer, found on lines that are small enough to count by hand.

#include "graph/passes/anatomy.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "graph/passes/dependence.h"
#include "graph/passes/input_size.h"
#include "graph/passes/lower.h"
#include "graph/passes/positions.h"
#include "graph/passes/stream.h"
#include "support/ir.h"
#include "support/message_of.h"

namespace legrad::test {
namespace {

constexpr const char* kConstants = R"(
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %none : NoneType = prim::Constant()
  %no : bool = prim::Constant[value=0]()
  %off : float = prim::Constant[value=0.]()
)";

std::string named(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// A block with one head over tokens: z + attention(z), and relu of that on top.
std::string block(const std::string& from, const std::string& to, const std::string& activation = "relu") {
  const auto text = named(named(R"(
  %q_TO : Tensor = aten::unsqueeze(%FROM, %one)
  %o_TO : Tensor = aten::scaled_dot_product_attention(%q_TO, %q_TO, %q_TO, %none, %off, %no, %none, %no)
  %c_TO : Tensor = aten::squeeze(%o_TO, %one)
  %h_TO : Tensor = aten::add(%FROM, %c_TO, %one)
  %r_TO : Tensor = aten::ACTIVATION(%h_TO)
  %TO : Tensor = aten::add(%h_TO, %r_TO, %one)
)",
                                "FROM", from),
                          "TO", to);
  return named(text, "ACTIVATION", activation);
}

std::string model(const std::string& body) {
  return std::string("graph(%x : Tensor):") + kConstants + body + "  %y : Tensor = aten::select(%z, %one, %zero)\n" +
         "  return (%y)";
}

// --- stream

TEST(ArticulationPoints, AreTheValuesThatEveryPathPasses) {
  const auto line = line_of(R"(
graph(%x : Tensor):
  %one : int = prim::Constant[value=1]()
  %a : Tensor = aten::relu(%x)
  %left : Tensor = aten::neg(%a)
  %right : Tensor = aten::exp(%a)
  %b : Tensor = aten::add(%left, %right, %one)
  %skipped : Tensor = aten::tanh(%b)
  %c : Tensor = aten::mul(%b, %skipped)
  return (%c))",
                            noise({2, 3}));
  std::vector<std::string> names;
  for (const auto* value : graph::articulation_points(line, graph::depends_on_input(line))) {
    names.emplace_back(value->node()->kind().toUnqualString());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"relu", "add", "mul"}));
}

TEST(DependsOnInput, NotOnWhatReadsItsShapeAlone) {
  const auto line = line_of(R"(
graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %size : int = aten::size(%x, %zero)
  %y : Tensor = aten::mul(%x, %size)
  return (%y))",
                            noise({2, 3}));
  const auto depending = graph::depends_on_input(line);
  EXPECT_EQ(depending.count(graph::find_all(*line.graph, "size").at(0)->output()), 0U);
  EXPECT_EQ(depending.count(line.result()), 1U);
}

// --- anatomy

TEST(FindAnatomy, BlocksAndTheirTokens) {
  auto line = line_of(model("  %t : Tensor = aten::neg(%x)\n" + block("t", "u") + block("u", "z")), noise({2, 4, 3}));
  const auto anatomy = graph::find_anatomy(line, {});
  ASSERT_EQ(anatomy.blocks.size(), 2U);
  ASSERT_EQ(anatomy.tokens.size(), 3U);
  EXPECT_TRUE(graph::is_aten(anatomy.tokens[0]->node(), "neg"));
  const auto adds = graph::find_all(*line.graph, "add");
  EXPECT_EQ(anatomy.tokens[1], adds.at(1)->output());
  EXPECT_EQ(anatomy.tokens[2], adds.at(3)->output());
  EXPECT_TRUE(anatomy.poolers.empty());
  EXPECT_DOUBLE_EQ(anatomy.blocks[0].scale, 1 / std::sqrt(3.0));
  EXPECT_EQ(anatomy.blocks[0].form, "scaled_dot_product_attention");
  EXPECT_EQ(anatomy.blocks[0].mask(), nullptr);
}

TEST(FindAnatomy, AnOnlyBlockEndsAtItsSecondAdd) {
  auto line = line_of(model("  %t : Tensor = aten::neg(%x)\n" + block("t", "z")), noise({2, 4, 3}));
  const auto anatomy = graph::find_anatomy(line, {});
  EXPECT_EQ(anatomy.tokens.back(), graph::find_all(*line.graph, "add").at(1)->output());
}

TEST(FindAnatomy, TokensBeforeTheBatchAreTurned) {
  const auto turned = named(R"(
  %bTO : Tensor = aten::transpose(%FROM, %zero, %one)
  %q_TO : Tensor = aten::unsqueeze(%bTO, %one)
  %o_TO : Tensor = aten::scaled_dot_product_attention(%q_TO, %q_TO, %q_TO, %none, %off, %no, %none, %no)
  %s_TO : Tensor = aten::squeeze(%o_TO, %one)
  %c_TO : Tensor = aten::transpose(%s_TO, %zero, %one)
  %h_TO : Tensor = aten::add(%FROM, %c_TO, %one)
  %r_TO : Tensor = aten::relu(%h_TO)
  %TO : Tensor = aten::add(%h_TO, %r_TO, %one)
)",
                            "FROM", "t");
  const auto x = noise({2, 4, 3});
  auto line = line_of(named(model("  %n : Tensor = aten::neg(%x)\n  %t : Tensor = aten::transpose(%n, %zero, %one)\n" +
                                  named(turned, "TO", "z")),
                            "aten::select(%z, %one, %zero)", "aten::select(%z, %zero, %zero)"),
                      x);
  const auto before = run(line, x);
  const auto anatomy = graph::find_anatomy(line, {});
  for (const auto* tokens : anatomy.tokens) {
    EXPECT_EQ(line.facts.at(tokens).sizes, (std::vector<int64_t>{2, 4, 3}));
  }
  EXPECT_TRUE(close(run(line, x), before));
}

std::string refused(const std::string& body) {
  auto line = line_of(model(body), noise({2, 4, 3}));
  return refusal([&] { graph::find_anatomy(line, {}); });
}

TEST(FindAnatomy, BlocksNeedNotBeAlike) {
  auto line = line_of(model("  %t : Tensor = aten::neg(%x)\n" + block("t", "u") + block("u", "v") + block("v", "w") +
                            "  %e : Tensor = aten::exp(%w)\n" + block("e", "z")),
                      noise({2, 4, 3}));
  const auto anatomy = graph::find_anatomy(line, {});
  ASSERT_EQ(anatomy.tokens.size(), 5U);
  EXPECT_TRUE(graph::is_aten(anatomy.tokens[3]->node(), "exp")) << "a block ends where the next begins";
  EXPECT_EQ(anatomy.tokens[4], graph::find_all(*line.graph, "add").at(7)->output()) << "the last one like one before";
}

TEST(FindAnatomy, PositionsBetweenBlocksBelongToTheNext) {
  const auto positions = [](const std::string& from, const std::string& to) {
    return "  %" + to + " : Tensor = aten::add(%" + from + ", %positions, %one)\n";
  };
  const auto body = "  %t : Tensor = aten::neg(%x)\n" + block("t", "u") + positions("u", "p") + block("p", "v") +
                    positions("v", "q") + block("q", "z");
  const auto ir = named(model(body), "graph(%x : Tensor)", "graph(%x : Tensor, %positions : Tensor)");
  auto line = line_of(ir, noise({2, 4, 3}), {noise({1, 4, 3})});
  const auto anatomy = graph::find_anatomy(line, {});
  const auto adds = graph::find_all(*line.graph, "add");
  ASSERT_EQ(anatomy.tokens.size(), 4U);
  EXPECT_EQ(anatomy.tokens[1], adds.at(1)->output());
  EXPECT_EQ(anatomy.tokens[2], adds.at(4)->output());
  EXPECT_EQ(anatomy.tokens[3], adds.at(7)->output());
}

// As norms in float32 leave them, which have the stream go on from what they cast.
TEST(FindAnatomy, CastsThatChangeNothingBelongToTheNextBlock) {
  const auto cast = [](const std::string& from, const std::string& to) {
    return "  %" + to + " : Tensor = aten::to(%" + from + ", %double, %no, %no, %none)\n";
  };
  const auto body = "  %double : int = prim::Constant[value=7]()\n  %t : Tensor = aten::neg(%x)\n" + block("t", "u") +
                    cast("u", "p") + block("p", "v") + cast("v", "q") + block("q", "z");
  auto line = line_of(model(body), noise({2, 4, 3}));
  ASSERT_EQ(graph::find_all(*line.graph, "to").size(), 2U);
  const auto anatomy = graph::find_anatomy(line, {});
  const auto adds = graph::find_all(*line.graph, "add");
  ASSERT_EQ(anatomy.tokens.size(), 4U);
  EXPECT_EQ(anatomy.tokens[2], adds.at(3)->output());
  EXPECT_EQ(anatomy.tokens[3], adds.at(5)->output());
}

// A block with two attentions: z + attention(z) + attention(OTHER(z)), and relu of that on top.
std::string two_attentions(const std::string& from, const std::string& to, const std::string& other = "sigmoid(%q_TO)",
                           const std::string& scale = "none") {
  return named(named(named(named(R"(
  %q_TO : Tensor = aten::unsqueeze(%FROM, %one)
  %o_TO : Tensor = aten::scaled_dot_product_attention(%q_TO, %q_TO, %q_TO, %none, %off, %no, %none, %no)
  %c_TO : Tensor = aten::squeeze(%o_TO, %one)
  %g_TO : Tensor = aten::add(%FROM, %c_TO, %one)
  %k_TO : Tensor = aten::OTHER
  %p_TO : Tensor = aten::scaled_dot_product_attention(%k_TO, %q_TO, %k_TO, %none, %off, %no, %SCALE, %no)
  %d_TO : Tensor = aten::squeeze(%p_TO, %one)
  %h_TO : Tensor = aten::add(%g_TO, %d_TO, %one)
  %r_TO : Tensor = aten::relu(%h_TO)
  %TO : Tensor = aten::add(%h_TO, %r_TO, %one)
)",
                                 "OTHER", other),
                           "SCALE", scale),
                     "FROM", from),
               "TO", to);
}

TEST(FindAnatomy, AttentionsSideBySideBecomeTheHeadsOfOne) {
  const auto x = noise({2, 4, 3});
  auto line =
      line_of(model("  %t : Tensor = aten::neg(%x)\n" + two_attentions("t", "u") + two_attentions("u", "z")), x);
  const auto before = run(line, x);
  const auto anatomy = graph::find_anatomy(line, {});
  line.graph->lint();
  EXPECT_EQ(count(line, "scaled_dot_product_attention"), 2U);
  ASSERT_EQ(anatomy.blocks.size(), 2U);
  ASSERT_EQ(anatomy.tokens.size(), 3U);
  EXPECT_EQ(line.facts.at(anatomy.blocks[1].context()).sizes, (std::vector<int64_t>{2, 2, 4, 3}));
  EXPECT_EQ(anatomy.blocks[0].form, "scaled_dot_product_attention, 2 side by side");
  EXPECT_TRUE(close(run(line, x), before));
}

TEST(FindAnatomy, RefusesAnAttentionOverWhatAnotherGivesInOneBlock) {
  EXPECT_EQ(refused("  %t : Tensor = aten::neg(%x)\n" + two_attentions("t", "z", "sigmoid(%o_TO)")),
            to_string(Reason::kNotOneStream));
}

TEST(FindAnatomy, RefusesUnlikeAttentionsSideBySide) {
  EXPECT_EQ(refused("  %half : float = prim::Constant[value=0.5]()\n  %t : Tensor = aten::neg(%x)\n" +
                    two_attentions("t", "z", "sigmoid(%q_TO)", "half")),
            to_string(Reason::kUnknownAttention));
}

TEST(FindAnatomy, RefusesBlocksOfOtherOperators) {
  const auto blocks = block("t", "u") + "  %v : Tensor = aten::tanh(%u)\n" + block("v", "w");
  EXPECT_EQ(refused("  %t : Tensor = aten::neg(%x)\n" + blocks + "  %z : Tensor = aten::exp(%w)\n"),
            to_string(Reason::kNotOneStream));
  EXPECT_EQ(refused("  %t : Tensor = aten::neg(%x)\n" + blocks + "  %z : Tensor = aten::tanh(%w)\n"),
            "nothing was refused");
}

TEST(FindAnatomy, RefusesALastBlockThatGoesOnBehindTheEndOfThoseBefore) {
  const auto more = "  %m : Tensor = aten::exp(%w)\n  %z : Tensor = aten::add(%w, %m, %one)\n";
  EXPECT_EQ(refused("  %t : Tensor = aten::neg(%x)\n" + block("t", "u") + block("u", "v") + block("v", "w") + more),
            to_string(Reason::kNotOneStream));
}

TEST(FindAnatomy, RefusesTwoStreams) {
  EXPECT_EQ(refused("  %t : Tensor = aten::neg(%x)\n  %s : Tensor = aten::exp(%x)\n" + block("t", "u") +
                    block("s", "v") + "  %z : Tensor = aten::mul(%u, %v)\n"),
            to_string(Reason::kNotOneStream));
}

TEST(FindAnatomy, RefusesTokensThatAttendToFewer) {
  // Keys and values are the first two tokens.
  const auto message = testing::message_of<ModelError>([] {
    auto line = line_of(model(R"(
  %two : int = prim::Constant[value=2]()
  %q : Tensor = aten::unsqueeze(%x, %one)
  %k : Tensor = aten::slice(%q, %two, %zero, %two, %one)
  %o : Tensor = aten::scaled_dot_product_attention(%q, %k, %k, %none, %off, %no, %none, %no)
  %z : Tensor = aten::squeeze(%o, %one)
)"),
                        noise({2, 4, 3}));
    graph::find_anatomy(line, {});
  });
  EXPECT_TRUE(testing::contains(message, "of 4 tokens to 2: the model is hierarchical")) << message;
}

TEST(FindAnatomy, RefusesAModelWithoutAttention) {
  EXPECT_EQ(refused("  %z : Tensor = aten::neg(%x)\n"), to_string(Reason::kNoAttention));
}

TEST(FindAnatomy, RefusesACausalMask) {
  const auto causal = named(block("t", "z"), "%off, %no, %none", "%off, %yes, %none");
  EXPECT_EQ(refused("  %yes : bool = prim::Constant[value=1]()\n  %t : Tensor = aten::neg(%x)\n" + causal),
            to_string(Reason::kUnknownAttention));
}

// --- lower

TEST(Lower, RunsThePassesAndKeepsTheLineFromBeforeAttentionWasFused) {
  const auto ir = model(R"(
  %last : int = prim::Constant[value=-1]()
  %equation : str = prim::Constant[value="bid,bjd->bij"]()
  %sizes : int[] = prim::Constant[value=[1, 4, 3]]()
  %n : Tensor = aten::neg(%x)
  %t : Tensor = aten::reshape(%n, %sizes)
  %pair : Tensor[] = prim::ListConstruct(%t, %t)
  %scores : Tensor = aten::einsum(%equation, %pair, %none)
  %a : Tensor = aten::softmax(%scores, %last, %none)
  %c : Tensor = aten::bmm(%a, %t)
  %h : Tensor = aten::add(%t, %c, %one)
  %r : Tensor = aten::relu(%h)
  %z : Tensor = aten::add(%h, %r, %one)
)");
  // One head of a batch of one, so that [1, N, e] is [B·h, N, e].
  const auto x = noise({1, 4, 3});
  const auto lowered = graph::lower(source_of(ir), x, {});
  EXPECT_EQ(count(lowered.line, "einsum") + count(lowered.line, "softmax"), 0U);
  EXPECT_EQ(count(lowered.line, "scaled_dot_product_attention"), 1U);
  EXPECT_EQ(lowered.anatomy.blocks.at(0).form, "softmax and bmm");
  EXPECT_EQ(graph::find_all(*lowered.snapshot.graph, "softmax").size(), 1U);
  const auto again = graph::lower(lowered.snapshot, noise({1, 7, 3}), {});
  EXPECT_TRUE(close(run(again.line, x), lowered.line.output));
}

// --- input_size

constexpr const char* kEmbedding = R"(
graph(%x : Tensor, %kernel : Tensor, %positions : Tensor):
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %none : NoneType = prim::Constant()
  %stride : int[] = prim::Constant[value=[8, 4]]()
  %zeros : int[] = prim::Constant[value=[0, 0]]()
  %ones : int[] = prim::Constant[value=[1, 1]]()
  %maps : Tensor = aten::conv2d(%x, %kernel, %none, %stride, %zeros, %ones, %one)
  %end : int = prim::Constant[value=-1]()
  %flat : Tensor = aten::flatten(%maps, %two, %end)
  %t : Tensor = aten::transpose(%flat, %one, %two)
  %z : Tensor = aten::add(%t, %positions, %one)
  %mean : Tensor = aten::select(%z, %one, %one)
  return (%mean))";

// Weights stand in the graph as constants, as programs of torch.export have them.
void make_weights_constants(graph::Source& source) {
  auto* graph = source.graph.get();
  for (size_t at = 1; at < source.arguments.size(); ++at) {
    const torch::jit::WithInsertPoint guard(*graph->nodes().begin());
    graph->inputs()[at]->replaceAllUsesWith(graph->insertConstant(*source.arguments[at].value));
  }
}

TEST(InputHint, WhatTheFileTells) {
  auto source = source_of(kEmbedding, {noise({6, 5, 8, 4}), noise({1, 12, 6})});
  source.arguments[0].sizes = {1, 5, 40, 16};
  const auto hint = graph::input_hint(source);
  EXPECT_TRUE(hint.patches);
  EXPECT_EQ(hint.channels, 5);
  ASSERT_EQ(hint.candidates.size(), 1U);
  EXPECT_EQ(hint.candidates[0].height, 40);
  EXPECT_EQ(hint.candidates[0].width, 16);
}

TEST(InputHint, NothingWithoutAConvolution) {
  const auto hint = graph::input_hint(source_of(R"(
graph(%x : Tensor):
  %y : Tensor = aten::neg(%x)
  return (%y))"));
  EXPECT_FALSE(hint.patches);
  EXPECT_TRUE(hint.candidates.empty());
}

TEST(InputHint, ASquareGridOfPositionsTellsTheSize) {
  auto source = source_of(kEmbedding, {noise({6, 5, 8, 4}), noise({1, 9, 6})});
  make_weights_constants(source);
  const auto hint = graph::input_hint(source);
  EXPECT_EQ(hint.channels, 5);
  ASSERT_EQ(hint.candidates.size(), 1U);
  EXPECT_EQ(hint.candidates[0].height, 3 * 8);
  EXPECT_EQ(hint.candidates[0].width, 3 * 4);
}

TEST(InputHint, ALinearLayerOverPatchesTellsTheirSize) {
  const std::string ir = R"(
graph(%x : Tensor, %weight : Tensor, %position : Tensor, %other : Tensor):
  %none : NoneType = prim::Constant()
  %one : int = prim::Constant[value=1]()
  %y : Tensor = aten::linear(%x, %weight, %none)
  %z : Tensor = aten::add(%y, %position, %one)
  %r : Tensor = aten::linear(%z, %other, %none)
  return (%r))";
  const auto size_told = [&](const at::Tensor& weight, const at::Tensor& positions) {
    auto source = source_of(ir, {weight, positions, noise({6, 6})});
    make_weights_constants(source);
    const auto hint = graph::input_hint(source);
    EXPECT_FALSE(hint.patches);
    std::vector<int64_t> told = {hint.channels};
    for (const auto& size : hint.candidates) told.insert(told.end(), {size.height, size.width});
    return told;
  };
  EXPECT_EQ(size_told(noise({6, 3 * 16}), noise({1, 10, 6})), (std::vector<int64_t>{3, 12, 12}));
  EXPECT_EQ(size_told(noise({6, 3 * 16}), noise({1, 2, 5, 6})), (std::vector<int64_t>{3, 8, 20})) << "on their grid";
  EXPECT_EQ(size_told(noise({6, 25}), noise({1, 9, 6})), (std::vector<int64_t>{1, 15, 15})) << "of grey images";
  EXPECT_EQ(size_told(noise({6, 3 * 15}), noise({1, 9, 6})), (std::vector<int64_t>{3})) << "no patches are that large";
}

// --- positions

TEST(WithPositions, RowsOfPatchesAreResampledAndOthersStay) {
  // Positions that rise evenly along rows and columns still do on a finer grid, away from its border.
  auto positions = at::zeros({1, 1 + 16, 2}, at::kDouble);
  positions[0][0] = at::tensor({-7.0, -8.0}, at::kDouble);
  for (int64_t row = 0; row < 4; ++row) {
    for (int64_t column = 0; column < 4; ++column) {
      positions[0][1 + row * 4 + column] = at::tensor({row + 0.5, column + 0.5}, at::kDouble);
    }
  }
  const auto x = noise({2, 17, 2});
  const auto line = line_of(R"(
graph(%x : Tensor, %positions : Tensor):
  %one : int = prim::Constant[value=1]()
  %z : Tensor = aten::add(%x, %positions, %one)
  %end : int = prim::Constant[value=-1]()
  %y : Tensor = aten::flatten(%z, %one, %end)
  return (%y))",
                            x, {positions});
  const auto made = graph::with_positions(graph::as_source(line, "line"), {{4, 4}, 1, 0, 2}, {8, 8});
  const auto other = at::zeros({1, 65, 2}, at::kDouble);
  const auto resampled = run(graph::straighten(made, other, {}), other).reshape({65, 2});
  EXPECT_TRUE(close(resampled[0], positions[0][0]));
  const auto grid = resampled.narrow(0, 1, 64).reshape({8, 8, 2});
  EXPECT_NEAR(grid[3][4][0].item<double>(), 3.5 / 2, 1e-3);
  EXPECT_NEAR(grid[3][4][1].item<double>(), 4.5 / 2, 1e-3);
  EXPECT_TRUE(close(run(line, x), (x + positions).flatten(1))) << "the line that was given stays";
}

}  // namespace
}  // namespace legrad::test
