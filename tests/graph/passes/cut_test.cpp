// Pieces of a line, cut out to be run alone, on other batches.

#include "graph/passes/cut.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <string>

#include "support/ir.h"

namespace legrad::test {
namespace {

// Of one image, [1, 3, 4, 4], taken out of its batch: its tokens [1, 16, 3], and to each the number of its place, which
// is counted by sizes of the image without a batch.
std::string numbered_tokens(const std::string& rows_at) {
  return R"(graph(%x : Tensor):
  %zero : int = prim::Constant[value=0]()
  %one : int = prim::Constant[value=1]()
  %two : int = prim::Constant[value=2]()
  %three : int = prim::Constant[value=3]()
  %last : int = prim::Constant[value=-1]()
  %none : NoneType = prim::Constant()
  %images : Tensor[] = aten::unbind(%x, %zero)
  %image : Tensor = prim::ListUnpack(%images)
  %rows : int = aten::size(%image, )" +
         rows_at + R"()
  %columns : int = aten::size(%image, %last)
  %flat : Tensor = aten::flatten(%image, %one, %two)
  %order : int[] = prim::ListConstruct(%one, %zero)
  %turned : Tensor = aten::permute(%flat, %order)
  %tokens : Tensor = aten::unsqueeze(%turned, %zero)
  %count : int = aten::mul(%rows, %columns)
  %places : Tensor = aten::arange(%count, %none, %none, %none, %none)
  %column : Tensor = aten::unsqueeze(%places, %one)
  %numbered : Tensor = aten::add(%tokens, %column, %one)
  %y : Tensor = aten::select(%numbered, %one, %zero)
  return (%y))";
}

graph::Program behind_the_tokens(const std::string& ir, const at::Tensor& image) {
  const auto line = line_of(ir, image);
  const auto tokens = graph::find_all(*line.graph, "unsqueeze").at(0)->output();
  const auto numbered = graph::find_all(*line.graph, "add").at(0)->output();
  return graph::cut(line, {tokens}, {numbered}, "the piece");
}

TEST(Cut, ASizeOfAnImageWithoutABatchStaysWhatItWas) {
  const auto image = noise({1, 3, 4, 4});
  const auto piece = behind_the_tokens(numbered_tokens("%one"), image);
  const auto tokens = noise({5, 16, 3});  // as many as there are targets
  EXPECT_TRUE(close(piece({tokens, image}).at(0), tokens + at::arange(16, at::kDouble).unsqueeze(1)));
}

// The first size of a tensor may be a multiple of the batch, as of heads in it.
TEST(Cut, TheFirstSizeOfATensorOutsideIsNotTakenForGranted) {
  EXPECT_EQ(refusal([] {
              (void)behind_the_tokens(numbered_tokens("%zero"), noise({1, 4, 4, 4}));
            }),
            to_string(Reason::kNotOneStream));
}

}  // namespace
}  // namespace legrad::test
