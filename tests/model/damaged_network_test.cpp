// Checks that stand behind others: a network that was cut wrongly, in a way that no file brings about, is still refused
// when it is measured.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/vit.h>
#include <torch/csrc/jit/ir/irparser.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "graph/ir/program.h"
#include "model/check_tail.h"
#include "model/load.h"
#include "model/measure.h"
#include "model/network.h"
#include "support/temporary_folder.h"
#include "support/tiny_vit.h"

namespace legrad {
namespace {

class DamagedNetworkTest : public ::testing::Test {
 protected:
  DamagedNetworkTest() {
    testing::TinyVit model;
    model.fill(21);
    model.save(folder_.path() / "vit.pt");
    images_ = at::randn({5, 3, model.image, model.image}, at::kDouble);
    output_ = Vit::load(folder_.path() / "vit.pt").forward(images_);
  }

  void expect_refused(const std::function<void(model::Network&)>& damage, const at::Tensor& output, Reason reason,
                      const std::string& said = "") {
    auto network = *model::load_network(folder_.path() / "vit.pt", {});
    const at::NoGradGuard off;
    EXPECT_NO_THROW(model::measure(network, images_, output_));
    damage(network);
    try {
      model::measure(network, images_, output);
      ADD_FAILURE() << "was not refused";
    } catch (const ModelError& error) {
      EXPECT_EQ(error.reason(), reason) << error.what();
      EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
    }
  }

  testing::TemporaryFolder folder_;
  at::Tensor images_, output_;
};

TEST_F(DamagedNetworkTest, PartsThatDoNotGiveTheFilesOutput) {
  expect_refused([](model::Network&) {}, output_ + 0.01 * output_.abs().max(), Reason::kNotReproduced);
  auto one_image = output_.clone();
  one_image[4] *= 1.1;
  expect_refused([](model::Network&) {}, one_image, Reason::kNotReproduced);
}

TEST_F(DamagedNetworkTest, AMapThatIsNotWhatTheModelWentOnWith) {
  expect_refused([](model::Network& network) { network.blocks[1].scale *= 1.001; }, output_, Reason::kUnknownAttention);
}

TEST_F(DamagedNetworkTest, AnotherNumberOfPatchesThanComeFromTheImage) {
  expect_refused([](model::Network& network) { ++network.structure.image->grid.rows; }, output_,
                 Reason::kTokensUnordered, "tokens come from the image");
}

// A tail may be run on the rows that are read, unless it gives something else there: this one counts its rows.
TEST_F(DamagedNetworkTest, ATailThatGivesOtherRowsAloneIsNotRunOnThem) {
  const auto tail = [](const std::string& factor) {
    const auto graph = std::make_shared<graph::Graph>();
    torch::jit::parseIR(R"(
graph(%context : Tensor, %tokens : Tensor, %images : Tensor):
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %three : int = prim::Constant[value=3]()
  %rows : int = aten::size(%tokens, %one)
  %by_token : Tensor = aten::transpose(%context, %one, %two)
  %joined : Tensor = aten::flatten(%by_token, %two, %three)
  %times : Tensor = aten::mul(%joined, )" +
                            factor + R"()
  %out : Tensor = aten::add(%times, %tokens, %one)
  return (%out))",
                        graph.get());
    return graph::Program(graph, "a tail");
  };
  const auto network = *model::load_network(folder_.path() / "vit.pt", {});
  const at::NoGradGuard off;
  const model::TailOfImage image{at::randn({1, 2, 17, 8}, at::kDouble), at::randn({1, 17, 16}, at::kDouble)};
  auto block = network.blocks[0];
  block.tail = tail("%two");
  EXPECT_TRUE(model::check_tail(network, block, image, {0}, "block 0").keeps_rows);
  block.tail = tail("%rows");
  EXPECT_FALSE(model::check_tail(network, block, image, {0}, "block 0").keeps_rows);
}

// Layers that see the tokens in another order than they go out again tell nothing of the rows at their places.
TEST_F(DamagedNetworkTest, RowsThatLayersSeeInAnotherOrderAreNotTakenForKnown) {
  const auto tail = [](const std::string& turned) {
    const auto graph = std::make_shared<graph::Graph>();
    torch::jit::parseIR(R"(
graph(%context : Tensor, %tokens : Tensor, %images : Tensor, %weight : Tensor):
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %three : int = prim::Constant[value=3]()
  %none : NoneType = prim::Constant()
  %dims : int[] = prim::Constant[value=[)" +
                            turned + R"(]]()
  %by_token : Tensor = aten::transpose(%context, %one, %two)
  %joined : Tensor = aten::flatten(%by_token, %two, %three)
  %there : Tensor = aten::flip(%joined, %dims)
  %layer : Tensor = aten::linear(%there, %weight, %none)
  %back : Tensor = aten::flip(%layer, %dims)
  %out : Tensor = aten::add(%back, %tokens, %one)
  return (%out))",
                        graph.get());
    const torch::jit::WithInsertPoint top(graph->block()->nodes().front());
    graph->inputs()[3]->replaceAllUsesWith(graph->insertConstant(at::randn({16, 16}, at::kDouble)));
    graph->eraseInput(3);
    return graph::Program(graph, "a tail");
  };
  const auto network = *model::load_network(folder_.path() / "vit.pt", {});
  const at::NoGradGuard off;
  const model::TailOfImage image{at::randn({1, 2, 17, 8}, at::kDouble), at::randn({1, 17, 16}, at::kDouble)};
  auto block = network.blocks[0];
  block.tail = tail("2");  // the width's order, which is nobody's business
  EXPECT_TRUE(model::check_tail(network, block, image, {0}, "block 0").knows_rows);
  block.tail = tail("1, 2");
  const auto seen = model::check_tail(network, block, image, {0}, "block 0");
  EXPECT_TRUE(seen.keeps_rows);
  EXPECT_FALSE(seen.knows_rows);
}

}  // namespace
}  // namespace legrad
