// What a sweep makes host and device tell each other, counted on the stand-in for an accelerator: nothing that grows
// with the number of blocks.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/legrad.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "support/accelerator.h"
#include "support/temporary_folder.h"
#include "support/tiny_vit.h"

namespace legrad {
namespace {

using testing::TinyVit;
using testing::Traffic;

/// A model of `blocks` blocks on the stand-in, and images there.
struct Placed {
  explicit Placed(int64_t blocks) {
    TinyVit model;
    model.blocks = blocks;
    model.fill(1);
    model.save(folder.path() / "vit.pt");
    vit.emplace(Vit::load(folder.path() / "vit.pt", {.device = testing::stand_in()}));
    images = at::randn({2, 3, model.image, model.image}, at::kDouble).to(testing::stand_in());
  }
  testing::TemporaryFolder folder;
  std::optional<Vit> vit;
  at::Tensor images;
};

std::vector<std::pair<std::string, Method>> methods() {
  return {{"legrad, model", legrad_method({.readout = Readout::kModel})},
          {"legrad, token mean", legrad_method({.readout = Readout::kTokenMean})},
          {"grad_cam", grad_cam_method()},
          {"grad_cam, all blocks", grad_cam_method({.multi_layer = true})},
          {"grad_cam, patches only", grad_cam_method({.include_prefix = false, .multi_layer = true})},
          {"attention_cam", attention_cam_method()},
          {"raw_attention", raw_attention_method()},
          {"rollout", rollout_method()},
          {"rollout, discarding", rollout_method({.discard_ratio = 0.5})},
          {"chefer_cam", chefer_cam_method()},
          {"transformer_attribution", transformer_attribution_method()},
          {"partial_lrp", partial_lrp_method()},
          {"text_span", text_span_method({.layers = {0, 1, 2}})},
          {"attn_lrp", attn_lrp_method()},
          {"grad_eclip", grad_eclip_method()},
          {"gem", gem_method({.start_layer = 0})},
          {"legrad, libra", legrad_method({.rules = libra_rules()})}};
}

Traffic spent(const Placed& placed, const Target& target, const Method& method) {
  const auto before = testing::traffic();
  explain(*placed.vit, placed.images, target, {method});
  return testing::traffic() - before;
}

class TrafficTest : public ::testing::Test {
 protected:
  // For every method the traffic of a sweep over 3 blocks and over 6.
  template <class Check>
  void for_each_method(const Target& target, const Check& check) {
    for (const auto& [name, method] : methods()) {
      SCOPED_TRACE(name);
      check(name, spent(few_, target, method), spent(many_, target, method));
    }
  }

  Placed few_{3};
  Placed many_{6};
};

TEST_F(TrafficTest, NothingIsReadOrCopiedPerBlock) {
  for_each_method({3, 1}, [](const std::string& name, const Traffic& few, const Traffic& many) {
    EXPECT_EQ(many.reads, few.reads);
    EXPECT_EQ(many.copies, few.copies);
    EXPECT_EQ(many.bytes, few.bytes);
    std::printf("%-24s %2ld host reads, %2ld copies of %3ld bytes, %4ld launches, %3.0f a block\n", name.c_str(),
                many.reads, many.copies, many.bytes, many.launches, (many.launches - few.launches) / 3.0);
  });
}

TEST_F(TrafficTest, ATargetIsBroughtToTheDeviceOnce) {
  const auto classes = at::tensor({3, 1, 0, 2}, at::kLong).reshape({2, 2});
  for (const auto& target : {Target(classes), Target(at::randn({4, 5}, at::kDouble))}) {
    for_each_method(target, [](const std::string& name, const Traffic& few, const Traffic& many) {
      const int64_t asked = name == "text_span" ? 1 : 0;  // whether anything reached the output directly
      EXPECT_EQ(few.reads, asked);
      EXPECT_EQ(many.reads, asked);
      EXPECT_LE(few.copies, 1);
      EXPECT_EQ(many.copies, few.copies);
    });
  }
}

TEST_F(TrafficTest, AForwardReadsAndCopiesNothing) {
  const auto before = testing::traffic();
  few_.vit->forward(few_.images);
  const auto spent = testing::traffic() - before;
  EXPECT_EQ(spent.reads, 0);
  EXPECT_EQ(spent.copies, 0);
  EXPECT_GT(spent.launches, 0);
}

}  // namespace
}  // namespace legrad
