// An operator runs only where what it takes is bounded, whether or not its shapes can be told beforehand.

#include <gtest/gtest.h>
#include <legrad/error.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "graph/ir/budget.h"
#include "graph/ir/operators.h"
#include "support/ir.h"

namespace legrad::test {
namespace {

/// Runs aten::narrow, with a kernel in place of its own that cannot tell shapes beforehand. Whether the kernel ran.
bool runs(int64_t start, int64_t length) {
  const auto graph = parsed(R"(
graph(%x : Tensor, %dim : int, %start : int, %length : int):
  %y : Tensor = aten::narrow(%x, %dim, %start, %length)
  return (%y))");
  bool ran = false;
  const graph::Step step = [&](std::vector<c10::IValue>& stack) {
    if (stack.at(0).toTensor().is_meta()) throw std::runtime_error("has no shape function");
    ran = true;
    stack = {stack.at(0)};
  };
  std::vector<c10::IValue> stack = {noise({2, 3}), int64_t{1}, start, length};
  const graph::Limits limits;
  graph::Budget budget(limits.bytes, 1000, 1000);
  graph::run_bounded(*graph->nodes().begin(), step, stack, limits, budget);
  return ran;
}

TEST(Bounds, NumbersThatCouldBeSizesAreLookedAtWhereShapesCannotBeTold) {
  EXPECT_TRUE(runs(0, 2));
  for (const int64_t huge : {int64_t{1} << 40, -(int64_t{1} << 40)}) {
    try {
      runs(0, huge);
      ADD_FAILURE() << huge << " was taken";
    } catch (const ModelError& error) {
      EXPECT_EQ(error.reason(), Reason::kTooLarge);
      EXPECT_NE(std::string(error.what()).find(std::to_string(huge)), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace legrad::test
