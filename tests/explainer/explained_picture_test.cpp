#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/explainer.h>
#include <legrad/heatmap.h>
#include <legrad/image.h>

#include "support/message_of.h"
#include "support/temporary_folder.h"
#include "support/tiny_vit.h"

namespace legrad {
namespace {

class ExplainedPicture : public ::testing::Test {
 protected:
  ExplainedPicture() {
    testing::TinyVit model;
    model.dtype = at::kFloat;
    model.fill(22);
    bundle_.vision = folder_ / "model.pt";
    bundle_.preprocessing.mean = {0.1, 0.2, 0.3};
    bundle_.preprocessing.resize = Preprocessing::Resize::kShortestEdgeCrop;
    model.save(bundle_.vision);
  }

  testing::TemporaryFolder folder_;
  Bundle bundle_;
};

TEST_F(ExplainedPicture, IsFedAsTheManifestSays) {
  const Explainer explainer = Explainer::load(bundle_);
  const at::Tensor picture = at::randint(0, 256, {20, 30, 3}, at::kByte);
  EXPECT_TRUE(at::equal(preprocess(picture, explainer), preprocess(picture, {16, 16}, bundle_.preprocessing)));
}

TEST_F(ExplainedPicture, HasItsHeatWhereTheModelLooked) {
  const Explainer explainer = Explainer::load(bundle_);
  const at::Tensor picture = at::randint(0, 256, {20, 30, 3}, at::kByte);
  const Seen seen = explainer.explain(preprocess(picture, explainer), TargetChoice{.top = 2});
  const at::Tensor heat = heat_over(picture, seen.maps[0], explainer);
  EXPECT_EQ(heat.sizes(), at::IntArrayRef({1, 2, 20, 30}));
  EXPECT_EQ(heat.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(heat, on_picture(normalized(seen.maps[0]), {20, 30}, {16, 16}, bundle_.preprocessing)));
  EXPECT_EQ(heat.narrow(3, 0, 4).max().item<float>(), 0);  // cropped off
  EXPECT_GT(heat.max().item<float>(), 0.5);
}

}  // namespace
}  // namespace legrad
