// Models for another input size, against what their homes' own resampling gives (tests/oracle/make_resized.py).

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/legrad.h>

#include <filesystem>
#include <string>

#include "support/test_device.h"

namespace {

namespace fs = std::filesystem;

class ResizedTest : public testing::TestWithParam<std::string> {};

TEST_P(ResizedTest, IsTheHomesOwnResampling) {
  const auto folder = fs::path(LEGRAD_TEST_DATA) / "resized" / GetParam();
  const auto images = legrad::read_npy(folder / "images.npy");
  const auto expected = legrad::read_npy(folder / "output.npy");
  const auto vit = legrad::Vit::load(
      folder / "model.pt", {.input_size = legrad::ImageSize{16, 16}, .device = legrad::testing::test_device()});
  const auto resized = vit.resized(images.size(2), images.size(3));
  const auto error = ((resized.forward(images).cpu() - expected).abs().max() / expected.abs().max()).item<double>();
  EXPECT_LT(error, 1e-4);
  EXPECT_EQ(resized.structure().image->prefix_tokens, vit.structure().image->prefix_tokens);
  EXPECT_EQ(vit.structure().image->size, (legrad::ImageSize{16, 16}));
}

INSTANTIATE_TEST_SUITE_P(Homes, ResizedTest,
                         testing::Values("open_clip_tower", "timm_cls", "timm_gap", "timm_registers"),
                         [](const auto& info) { return info.param; });

}  // namespace
