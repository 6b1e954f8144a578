#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/eval/data_set.h>
#include <legrad/image.h>
#include <legrad/npy.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad::eval {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::message_of;
using Names = std::vector<std::string>;

const fs::path kPngs = LEGRAD_TEST_DATA "/eval/png";  // by tests/oracle/make_png_samples.py

at::Tensor grey(const at::Tensor& numbers) {
  return numbers.to(at::kByte).unsqueeze(2).expand({-1, -1, 3}).contiguous();
}

/// Masks of 2 x 3 pixels as ImageNet-S writes them, and pictures.
class Masks : public ::testing::Test {
 protected:
  Masks() {
    fs::create_directories(folder_ / "masks/n01");
    fs::create_directories(folder_ / "images/n01");
    std::string classes = "background\r\n";
    for (int number = 1; number <= 919; ++number) classes += "class " + std::to_string(number) + "\n";
    folder_.write("classes.txt", classes);
    add("n01/a", at::tensor({0, 7, 7, 300, 300, 1000}).view({2, 3}));
    add("b", at::zeros({2, 3}, at::kLong));
  }
  void add(const std::string& name, const at::Tensor& numbers) const {
    const at::Tensor red = numbers.remainder(256);
    const at::Tensor rgb = at::stack({red, numbers.div(256, "floor"), at::zeros_like(red)}, 2).to(at::kByte);
    write_image(folder_ / ("masks/" + name + ".png"), rgb.contiguous());
    write_image(folder_ / ("images/" + name + ".jpg"), at::zeros({2, 3, 3}, at::kByte));
  }
  std::unique_ptr<DataSet> open() const { return open_data_set(folder_.path(), "masks"); }
  testing::TemporaryFolder folder_;
};

at::Tensor mask(const std::vector<int64_t>& values) { return at::tensor(values).view({2, 3}).to(at::kBool); }

TEST_F(Masks, NumbersOfImageNetSAreRedAnd256Green) {
  const auto data = open();
  EXPECT_TRUE(data->knows().labels && data->knows().masks);
  EXPECT_EQ(data->classes().size(), 919U);
  EXPECT_EQ(data->classes()[0], "class 1");
  const Sample empty = *data->next();
  EXPECT_EQ(empty.id, "images/b.jpg");
  EXPECT_TRUE(empty.labels.empty() && empty.regions.empty() && !empty.unlabelled.defined());
  const Sample sample = *data->next();
  EXPECT_EQ(sample.id, "images/n01/a.jpg");
  EXPECT_EQ(sample.picture, folder_ / "images/n01/a.jpg");
  EXPECT_EQ(sample.labels, (Names{"class 7", "class 300"}));
  EXPECT_TRUE(at::equal(sample.regions.at(0).mask, mask({0, 1, 1, 0, 0, 0})));
  EXPECT_TRUE(at::equal(sample.regions.at(1).mask, mask({0, 0, 0, 1, 1, 0})));
  EXPECT_TRUE(at::equal(sample.unlabelled, mask({0, 0, 0, 0, 0, 1})));
  EXPECT_FALSE(data->next());
}

TEST_F(Masks, NumbersOfVocAreIndicesOfAPaletteOrGrey) {
  // The palette's colours are all the same: nothing but the index tells classes apart.
  fs::create_directory(folder_ / "voc");
  for (const char* name : {"voc/SegmentationClass", "voc/JPEGImages"}) fs::create_directory(folder_ / name);
  const at::Tensor numbers = read_npy(kPngs / "palette8.npy").select(2, 0);
  fs::copy_file(kPngs / "palette8.png", folder_ / "voc/SegmentationClass/2007.png");
  write_image(folder_ / "voc/JPEGImages/2007.jpg", grey(at::zeros_like(numbers)));
  write_image(folder_ / "voc/JPEGImages/2008.jpg", grey(at::zeros_like(numbers)));  // without a mask
  std::string classes = "background\n";
  for (int number = 1; number < 255; ++number) classes += "class " + std::to_string(number) + "\n";
  folder_.write("voc/classes.txt", classes);
  const auto data = open_data_set(folder_ / "voc", "masks");
  const Sample sample = *data->next();
  EXPECT_EQ(sample.id, "JPEGImages/2007.jpg");
  at::Tensor seen = at::zeros_like(numbers, at::kLong);
  for (const Region& region : sample.regions) seen += region.mask.to(at::kLong) * std::stoll(region.name.substr(6));
  const at::Tensor void_pixels = numbers == 255;
  EXPECT_TRUE(at::equal(seen, numbers.to(at::kLong).masked_fill(void_pixels, 0)));
  EXPECT_TRUE(void_pixels.any().item<bool>() ? at::equal(sample.unlabelled, void_pixels)
                                             : !sample.unlabelled.defined());
  EXPECT_FALSE(data->next());
}

TEST_F(Masks, ABrokenMaskIsToldAndPassedOver) {
  add("a", at::full({2, 3}, 920));
  const auto refused = [&] {
    const auto data = open();
    std::string message = message_of<InputError>([&] { data->next(); });
    EXPECT_EQ(data->next()->id, "images/b.jpg");
    return message;
  };
  EXPECT_TRUE(contains(refused(), "masks/a.png': it has pixels of class 920, for which classes.txt has no line"));
  folder_.write("masks/a.png", "x");
  EXPECT_TRUE(contains(refused(), "masks/a.png': it is no PNG"));
  write_image(folder_ / "masks/a.png", at::full({2, 3, 3}, 200, at::kByte));
  EXPECT_TRUE(contains(refused(), "masks/a.png': its pixels are colours"));
  write_image(folder_ / "masks/a.png", at::zeros({3, 3, 3}, at::kByte));
  EXPECT_TRUE(contains(refused(), "masks are of 3 x 3 pixels, but picture"));
  fs::remove(folder_ / "images/a.jpg");
  EXPECT_TRUE(contains(refused(), "masks/a.png' has no picture 'a'"));
}

TEST_F(Masks, SaysWhatIsMissing) {
  const auto refused = [&] { return message_of<InputError>([&] { open(); }); };
  folder_.write("classes.txt", "background\n\n");
  EXPECT_TRUE(contains(refused(), "classes.txt' must hold 'background' and then the classes"));
  fs::remove(folder_ / "classes.txt");
  EXPECT_TRUE(contains(refused(), "classes.txt"));
  fs::remove_all(folder_ / "images");
  EXPECT_TRUE(contains(refused(), "must hold a folder 'images' or 'JPEGImages'"));
}

}  // namespace
}  // namespace legrad::eval
