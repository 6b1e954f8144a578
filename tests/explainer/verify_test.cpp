// A model held against what its manifest says that it gave at its home.
#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/explainer.h>
#include <legrad/verify.h>

#include "support/message_of.h"
#include "support/temporary_folder.h"
#include "support/tiny_vit.h"

namespace legrad {
namespace {

using testing::contains;
using testing::message_of;
using testing::TinyVit;

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    at::manual_seed(3);
    TinyVit model;
    model.fill(3);
    bundle_.name = "tiny";
    bundle_.vision = folder_ / "model.pt";
    bundle_.preprocessing.mean = {0.5, 0.25, 0.125};
    bundle_.preprocessing.std = {0.5, 1, 2};
    model.save(bundle_.vision);
    bundle_.output_check = OutputCheck{.seed = 1234567};
  }

  /// What the model gives, as a manifest holds it.
  std::vector<double> output(const Vit& vit) const {
    const auto given = vit.forward(check_image(bundle_, vit.structure()))[0].to(at::kDouble).contiguous();
    return {given.data_ptr<double>(), given.data_ptr<double>() + given.numel()};
  }

  testing::TemporaryFolder folder_;
  Bundle bundle_;
};

// The generator's first numbers for this seed are published: 6457827717110365317, 3203168211198807973, ...
TEST_F(VerifyTest, MakesTheImageThatASeedStandsFor) {
  const Vit vit = load_model(bundle_);
  const auto image = check_image(bundle_, vit.structure());
  const auto& size = vit.structure().image->size;
  ASSERT_EQ(image.sizes(), at::IntArrayRef({1, 3, size.height, size.width}));
  const auto pixel = [](uint64_t number) { return static_cast<double>(number >> 40) / (1 << 24); };
  EXPECT_FLOAT_EQ(image[0][0][0][0].item<float>(), static_cast<float>((pixel(6457827717110365317U) - 0.5) / 0.5));
  EXPECT_FLOAT_EQ(image[0][0][0][1].item<float>(), static_cast<float>((pixel(3203168211198807973U) - 0.5) / 0.5));
  const auto blue = image[0][2];
  EXPECT_GE(blue.min().item<double>(), -0.0625);  // (0 - 0.125) / 2
  EXPECT_LT(blue.max().item<double>(), 0.4375);
  bundle_.output_check->seed = 7;
  EXPECT_FALSE(at::equal(check_image(bundle_, vit.structure()), image));
}

TEST_F(VerifyTest, SaysHowFarTheOutputIsOff) {
  const Vit vit = load_model(bundle_);
  bundle_.output_check->output = output(vit);
  EXPECT_EQ(verify(bundle_, vit).difference, 0);
  auto& first = bundle_.output_check->output[0];
  first += 1e-5 * std::abs(first);
  const auto close = verify(bundle_, vit);
  EXPECT_GT(close.difference, 0);
  EXPECT_LE(close.difference, 1e-5);
}

TEST_F(VerifyTest, RefusesAnotherModel) {
  const Vit vit = load_model(bundle_);
  bundle_.output_check->output = output(vit);
  bundle_.output_check->output[1] += 1;
  EXPECT_TRUE(contains(message_of<ModelError>([&] { verify(bundle_, vit); }), "is off by"));
  bundle_.output_check->output.pop_back();
  EXPECT_TRUE(contains(message_of<ModelError>([&] { verify(bundle_, vit); }), "check.output"));
  bundle_.output_check.reset();
  EXPECT_TRUE(contains(message_of<InputError>([&] { verify(bundle_, vit); }), "no object 'check'"));
}

}  // namespace
}  // namespace legrad
