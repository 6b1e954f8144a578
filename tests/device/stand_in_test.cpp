// The stand-in for an accelerator behaves as one: it computes what the CPU computes, mixes no devices, and counts.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "support/accelerator.h"

namespace legrad::testing {
namespace {

bool close(const at::Tensor& found, const at::Tensor& expected) { return at::allclose(found.cpu(), expected); }

class StandInTest : public ::testing::Test {
 protected:
  c10::Device device_ = stand_in();
  at::Tensor host_ = at::randn({3, 4}, at::kDouble);
  at::Tensor there_ = host_.to(device_);
};

TEST_F(StandInTest, ComputesWhatTheCpuComputes) {
  EXPECT_EQ(there_.device(), device_);
  EXPECT_TRUE(close(there_ * 2 + 1, host_ * 2 + 1));
  EXPECT_TRUE(close(there_.matmul(there_.t()).softmax(-1), host_.matmul(host_.t()).softmax(-1)));
  EXPECT_TRUE(close(at::cat({there_, there_.narrow(0, 1, 2)}), at::cat({host_, host_.narrow(0, 1, 2)})));
  EXPECT_TRUE(close(at::layer_norm(there_, {4}), at::layer_norm(host_, {4})));
}

TEST_F(StandInTest, AViewSharesItsMemory) {
  const auto there = there_.clone();
  there.select(1, 2).narrow(0, 1, 2).fill_(7);
  host_.select(1, 2).narrow(0, 1, 2).fill_(7);
  EXPECT_TRUE(close(there, host_));
}

TEST_F(StandInTest, TakesGradients) {
  const auto gradient = [](const at::Tensor& x) {
    const auto leaf = x.detach().requires_grad_();
    const auto heads = leaf.reshape({1, 2, 3, 2});
    const auto images =
        at::conv2d(leaf.reshape({1, 1, 3, 4}), leaf.narrow(0, 0, 2).narrow(1, 0, 2).reshape({1, 1, 2, 2}));
    const auto score = at::scaled_dot_product_attention(heads, heads * 2, heads).square().sum() + images.square().sum();
    return torch::autograd::grad({score}, {leaf})[0];
  };
  EXPECT_TRUE(close(gradient(there_), gradient(host_)));
}

TEST_F(StandInTest, MixesNoDevices) {
  const auto number = at::scalar_tensor(2.0, at::kDouble);
  EXPECT_TRUE(close(there_ * number, host_ * number)) << "a number of the CPU may take part, as with CUDA";
  EXPECT_THROW((void)(there_ + host_), c10::Error);
  EXPECT_THROW((void)there_.matmul(host_.t()), c10::Error);
  EXPECT_THROW((void)at::cat({there_, host_}), c10::Error);
  EXPECT_THROW((void)at::stack({there_.sum(), number}), c10::Error);
  EXPECT_THROW((void)there_.index_select(0, at::tensor({1}, at::kLong)), c10::Error);
}

TEST_F(StandInTest, CountsWhatTheHostAndTheDeviceTellEachOther) {
  const auto spent = [](const auto& work) {
    const auto before = traffic();
    work();
    return traffic() - before;
  };
  EXPECT_EQ(spent([&] { (void)there_.sum().item<double>(); }).reads, 1);
  EXPECT_EQ(spent([&] { (void)there_.cpu(); }).reads, 1);
  EXPECT_EQ(spent([&] { (void)at::equal(there_, there_); }).reads, 1);
  EXPECT_EQ(spent([&] { (void)there_.nonzero(); }).reads, 1);
  EXPECT_EQ(spent([&] { (void)there_.index({there_ > 0}); }).reads, 1);
  const auto copied = spent([&] { (void)host_.to(device_); });
  EXPECT_EQ(copied.copies, 1);
  EXPECT_EQ(copied.bytes, 96);
  EXPECT_EQ(copied.launches, 0);
  const auto computed = spent([&] { (void)(there_.t().narrow(0, 1, 2).reshape({2, 3}) * 3).sum(); });
  EXPECT_EQ(computed.launches, 2 + 0);
  EXPECT_EQ(computed.reads + computed.copies, 0);
}

}  // namespace
}  // namespace legrad::testing
