// Files with int8 weights in their linear layers: explained is the model of the same weights dequantised. That its maps
// are right is for fixture_test to say; here, that it is compared with what the file itself gives.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/vit.h>

#include <memory>

#include "model/rounding.h"
#include "support/ir.h"
#include "support/test_device.h"

namespace legrad {
namespace {

constexpr const char* kFile = LEGRAD_TEST_DATA "/fixtures/timm_cls_int8/model.pt";

at::Tensor images() { return at::randn({2, 3, 16, 16}); }

TEST(Quantised, TellsByHowMuchTheFilesOwnOutputDiffers) {
  const auto vit = Vit::load(kFile, {.device = testing::test_device()});
  ASSERT_TRUE(vit.structure().quantised);
  EXPECT_EQ(vit.structure().quantised->layers, 13);
  ASSERT_TRUE(vit.structure().quantised->difference);
  EXPECT_GT(*vit.structure().quantised->difference, 1e-3);  // inputs are rounded in the file, and not in here
  EXPECT_LT(*vit.structure().quantised->difference, 0.2);
}

TEST(Quantised, IsAPlainModelInAnyDtype) {
  const auto in_float = Vit::load(kFile, {.device = testing::test_device()});
  const auto in_double = Vit::load(kFile, {.device = testing::test_device(), .dtype = at::kDouble});
  const auto input = images();
  EXPECT_TRUE(in_double.structure().quantised->difference);
  EXPECT_TRUE(at::allclose(in_float.forward(input).to(at::kCPU, at::kDouble),
                           in_double.forward(input.to(at::kDouble)).to(at::kCPU), 1e-4, 1e-4));
}

// As a control, its weights are shuffled; the file's own are packed, and are no reference for that.
TEST(Quantised, CanBeShuffled) {
  const auto shuffled = Vit::load(kFile, {.device = testing::test_device(), .shuffled_weights = 1});
  EXPECT_FALSE(shuffled.structure().quantised);
}

/// A source of three forwards, each the input times a number: of the one explained, of the file itself, and of that
/// with its rounding written out.
graph::Source times(double explained, double file, double rounded) {
  const auto graph = [](double factor) {
    return test::parsed("graph(%x : Tensor):\n  %f : float = prim::Constant[value=" + std::to_string(factor) +
                        "]()\n  %y : Tensor = aten::mul(%x, %f)\n  return (%y)");
  };
  graph::Source source{"text", graph(explained), {graph::Argument{"x", "Tensor"}}, {}};
  source.quantised = std::make_shared<const graph::QuantisedForward>(
      graph::QuantisedForward{graph(file), graph(rounded), source.arguments, 1});
  return source;
}

TEST(Quantised, MayDifferByWhatRoundingMakes) {
  const auto input = at::randn({5, 7});
  const auto found = model::compare_rounded(times(1, 1.04, 1.02), input, 2, {});
  ASSERT_TRUE(found && found->difference);
  EXPECT_NEAR(*found->difference, 0.04 / 1.04, 1e-6);
}

TEST(Quantised, IsRefusedWhereRoundingDoesNotExplainTheDifference) {
  const auto input = at::randn({5, 7});
  EXPECT_EQ(test::refusal([&] { (void)model::compare_rounded(times(1, 1.3, 1.02), input, 2, {}); }),
            to_string(Reason::kNotReproduced));
  EXPECT_EQ(test::refusal([&] { (void)model::compare_rounded(times(1, 1.01, 1), input, 2, {}); }),
            to_string(Reason::kNotReproduced));
}

TEST(Quantised, IsNothingForAPlainFile) {
  auto plain = times(1, 1, 1);
  plain.quantised = nullptr;
  EXPECT_FALSE(model::compare_rounded(plain, at::randn({5, 7}), 2, {}));
}

}  // namespace
}  // namespace legrad
