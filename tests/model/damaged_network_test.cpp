// Checks that stand behind others: a network that was cut wrongly, in a way that no file brings about, is still refused
// when it is measured.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/vit.h>

#include <filesystem>
#include <functional>
#include <string>

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

}  // namespace
}  // namespace legrad
