// What the caller's thread is set to has no influence on maps, and what LibTorch throws does not reach the caller.

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <legrad/legrad.h>
#include <torch/script.h>

#include <string>

#include "support/accelerator.h"
#include "support/message_of.h"
#include "support/temporary_folder.h"
#include "support/tiny_vit.h"

namespace legrad {
namespace {

/// Autocast to bfloat16 on a device, as `torch.autocast` switches it on.
class Autocast {
 public:
  explicit Autocast(c10::DeviceType device) : device_(device), dtype_(at::autocast::get_autocast_dtype(device)) {
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  }
  ~Autocast() {
    at::autocast::set_autocast_enabled(device_, false);
    at::autocast::set_autocast_dtype(device_, dtype_);
    at::autocast::clear_cache();
  }

 private:
  c10::DeviceType device_;
  at::ScalarType dtype_;
};

class CallScopeTest : public ::testing::TestWithParam<std::string> {
 protected:
  CallScopeTest() {
    testing::stand_in();  // comes before the first gradient, whatever device that is taken on
    model_.dtype = at::kFloat;
    model_.fill(1);
    model_.save(file());
  }
  c10::Device device() const { return GetParam() == "cpu" ? c10::Device(c10::kCPU) : testing::stand_in(); }
  std::filesystem::path file() const { return folder_.path() / "vit.pt"; }
  Vit load() const { return Vit::load(file(), {.device = device()}); }

  testing::TemporaryFolder folder_;
  testing::TinyVit model_;
  at::Tensor images_ = at::randn({2, 3, model_.image, model_.image});
};

TEST_P(CallScopeTest, AutocastChangesNothingAndStaysOn) {
  const std::vector<Method> methods = {legrad_method(), chefer_cam_method(), rollout_method(), grad_cam_method()};
  const Target target(at::randn({2, 5}));
  const auto expected = explain(load(), images_, target, methods);
  const auto by_layer = legrad_by_layer(load(), images_, target);
  const Autocast autocast(device().type());
  const auto product = [&] {
    return at::ones({2, 2}).to(device()).matmul(at::ones({2, 2}).to(device())).scalar_type();
  };
  const bool casts = device().is_cpu();  // LibTorch has no list of operators to cast for devices it does not know
  EXPECT_EQ(product(), casts ? at::kBFloat16 : at::kFloat);
  const auto found = explain(load(), images_, target, methods);
  EXPECT_TRUE(at::equal(found.output, expected.output));
  for (size_t i = 0; i < methods.size(); ++i) EXPECT_TRUE(at::equal(found.maps[i], expected.maps[i])) << i;
  EXPECT_TRUE(at::equal(legrad_by_layer(load(), images_, target).maps, by_layer.maps));
  EXPECT_EQ(product(), casts ? at::kBFloat16 : at::kFloat);
}

TEST_P(CallScopeTest, WhatLibTorchThrowsIsSaidInOneLine) {
  const auto vit = load();
  const Target target([](const at::Tensor& y) { return y.reshape({7, 7}); });
  const auto message = testing::message_of<Error>([&] { explain(vit, images_, target, {legrad_method()}); });
  EXPECT_TRUE(testing::contains(message, "running the model failed: "));
  EXPECT_TRUE(testing::contains(message, "7"));
}

TEST_P(CallScopeTest, ADeviceThatIsNotThereIsSaidInOneLine) {
  const auto message = testing::message_of<InputError>([&] { Vit::load(file(), {.device = c10::Device("vulkan")}); });
  EXPECT_TRUE(testing::contains(message, "using the device vulkan failed: "));
}

/// A model whose script names the CPU and stacks numbers that are tensors: both have to follow it to its device.
TEST_P(CallScopeTest, NumbersAndDevicesInAScriptFollowTheModel) {
  auto module = torch::jit::load(file().string());
  module.register_buffer("half", at::scalar_tensor(0.5));
  module.register_buffer("quarter", at::scalar_tensor(0.25));
  torch::jit::Module scaled("Scaled");
  scaled.register_module("vit", module);
  scaled.define(R"(
def forward(self, x):
    y = self.vit.forward(x)
    half, quarter = self.vit.half, self.vit.quarter
    return y * torch.stack([half, quarter, half, half, quarter]) + torch.ones([5], device="cpu")
)");
  scaled.save((folder_.path() / "scaled.pt").string());
  const auto factors = at::tensor({0.5F, 0.25F, 0.5F, 0.5F, 0.25F});
  const auto found = Vit::load(folder_.path() / "scaled.pt", {.device = device()}).forward(images_);
  EXPECT_TRUE(at::allclose(found.cpu(), load().forward(images_).cpu() * factors + 1));
}

INSTANTIATE_TEST_SUITE_P(Devices, CallScopeTest, ::testing::Values("cpu", "standin"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace legrad
