#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/heatmap.h>
#include <legrad/image.h>
#include <legrad/image/figure.h>
#include <legrad/image/words.h>

#include <array>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::message_of;

/// Smooth RGB bytes [height, width, 3], different in every corner.
at::Tensor picture(int64_t height, int64_t width) {
  const at::Tensor y = at::linspace(0, 200, height).view({-1, 1}).expand({height, width});
  const at::Tensor x = at::linspace(0, 255, width).view({1, -1}).expand({height, width});
  return at::stack({y, x, (x + y) / 2}, -1).to(at::kByte).contiguous();
}

at::Tensor pixel(const std::vector<int>& rgb) { return at::tensor(rgb).to(at::kByte); }

int64_t largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kLong) - b.to(at::kLong)).abs().max().item<int64_t>();
}

std::string big_endian(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

/// An EXIF block that holds an orientation and nothing else.
std::string exif(char orientation) {
  return std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + orientation + std::string(6, '\0');
}

class ImageFile : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const cv::Mat& mat) const {
    EXPECT_TRUE(cv::imwrite((folder_ / name).string(), mat));
    return folder_ / name;
  }

  std::string refusal(const std::string& name, const std::string& bytes) const {
    const fs::path file = folder_.write(name, bytes);
    std::string message = message_of<InputError>([&] { read_image(file); });
    EXPECT_TRUE(contains(message, name));
    return message;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(ImageFile, IsReadAsItWasWritten) {
  const at::Tensor image = picture(20, 30);
  for (const char* name : {"a.png", "a.bmp", "a.tif", "a.ppm"}) {
    write_image(folder_ / name, image);
    EXPECT_TRUE(at::equal(read_image(folder_ / name), image)) << name;
  }
  for (const char* name : {"a.jpg", "a.JPEG", "a.webp"}) {
    write_image(folder_ / name, image);
    EXPECT_LE(largest_difference(read_image(folder_ / name), image), 12) << name;
  }
}

TEST_F(ImageFile, ChannelsAreRedGreenBlue) {
  const fs::path file = write("a.png", cv::Mat(1, 1, CV_8UC3, cv::Scalar(/*blue=*/1, /*green=*/2, /*red=*/3)));
  EXPECT_TRUE(at::equal(read_image(file)[0][0], pixel({3, 2, 1})));
}

TEST_F(ImageFile, GreyAndSixteenBitsBecomeRgbBytes) {
  EXPECT_TRUE(
      at::equal(read_image(write("grey.png", cv::Mat(1, 1, CV_8UC1, cv::Scalar(77))))[0][0], pixel({77, 77, 77})));
  EXPECT_TRUE(at::equal(read_image(write("grey16.png", cv::Mat(1, 1, CV_16UC1, cv::Scalar(77 * 257))))[0][0],
                        pixel({77, 77, 77})));
  const cv::Mat deep(1, 1, CV_16UC3, cv::Scalar(65535, 128 * 257, 100));
  EXPECT_TRUE(at::equal(read_image(write("rgb16.png", deep))[0][0], pixel({0, 128, 255})));
}

TEST_F(ImageFile, TransparencyIsLaidOverWhite) {
  cv::Mat mat(1, 3, CV_8UC4);
  mat.at<cv::Vec4b>(0, 0) = {10, 20, 30, 255};
  mat.at<cv::Vec4b>(0, 1) = {10, 20, 30, 0};
  mat.at<cv::Vec4b>(0, 2) = {0, 100, 255, 51};  // a fifth of it
  const at::Tensor image = read_image(write("a.png", mat));
  EXPECT_TRUE(at::equal(image[0][0], pixel({30, 20, 10})));
  EXPECT_TRUE(at::equal(image[0][1], pixel({255, 255, 255})));
  EXPECT_TRUE(at::equal(image[0][2], pixel({255, 224, 204})));
}

/// The picture as EXIF orientation 1 to 8 stores it, so that reading turns it back.
at::Tensor stored(const at::Tensor& image, int orientation) {
  switch (orientation) {
    case 2:
      return image.flip({1});
    case 3:
      return image.flip({0, 1});
    case 4:
      return image.flip({0});
    case 5:
      return image.transpose(0, 1);
    case 6:
      return image.rot90(1, {0, 1});
    case 7:
      return image.flip({0, 1}).transpose(0, 1);
    case 8:
      return image.rot90(-1, {0, 1});
    default:
      return image;
  }
}

TEST_F(ImageFile, ExifOrientationIsApplied) {
  const at::Tensor image = picture(24, 40);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string block = exif(static_cast<char>(orientation));
    write_image(folder_ / "plain.jpg", stored(image, orientation).contiguous());
    const std::string jpeg = testing::file_bytes(folder_ / "plain.jpg");
    const std::string segment = "Exif" + std::string(2, '\0') + block;
    const auto length = static_cast<char>(segment.size() + 2);
    const fs::path turned =
        folder_.write("turned.jpg", jpeg.substr(0, 2) + "\xff\xe1" + '\0' + length + segment + jpeg.substr(2));
    const at::Tensor read = read_image(turned);
    ASSERT_EQ(read.sizes(), image.sizes()) << orientation;
    EXPECT_LE(largest_difference(read, image), 12) << orientation;
    EXPECT_EQ(image_size(turned), (ImageSize{24, 40})) << orientation;

    write_image(folder_ / "plain.png", stored(image, orientation).contiguous());
    const std::string png = testing::file_bytes(folder_ / "plain.png");
    constexpr size_t kHeader =
        33;  // signature and IHDR; the checksum of eXIf is not looked at by decoders that skip it
    const std::string chunk = big_endian(static_cast<uint32_t>(block.size())) + "eXIf" + block + big_endian(0);
    const std::string file = png.substr(0, kHeader) + chunk + png.substr(kHeader);
    const fs::path turned_png = folder_.write("turned.png", file);
    EXPECT_TRUE(at::equal(read_image(turned_png), image)) << orientation;
  }
}

TEST_F(ImageFile, MissingAndForeignFilesAreRefused) {
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_image(folder_ / "none.png"); }), "no such file"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_image(folder_.path()); }), "folder"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { read_image("/dev/zero"); }), "no ordinary file"));
  EXPECT_TRUE(contains(refusal("empty.png", ""), "empty"));
  EXPECT_TRUE(contains(refusal("text.png", "this is a text"), "no PNG"));
  EXPECT_TRUE(contains(refusal("a.gif", std::string("GIF89a\1\0\1\0", 10)), "no PNG"));
  refusal("P6.ppm", "P6");
  refusal("BM.bmp", "BM");
  refusal("tiff.tif", std::string("II*\0\xff\xff\xff\xff", 8));
  refusal("riff.webp", "RIFF\xff\xff\xff\xffWEBPVP8 ");
}

TEST_F(ImageFile, CutFilesAreRefused) {
  for (const char* name : {"a.png", "a.jpg", "a.webp", "a.bmp", "a.tif", "a.ppm"}) {
    write_image(folder_ / name, picture(40, 40));
    const std::string bytes = testing::file_bytes(folder_ / name);
    for (const double part : {0.01, 0.1, 0.5, 0.9}) {
      refusal(std::string("cut-") + name,
              bytes.substr(0, static_cast<size_t>(part * static_cast<double>(bytes.size()))));
    }
  }
}

TEST_F(ImageFile, SizesAreToldWithoutDecoding) {
  write_image(folder_ / "a.png", at::randint(0, 256, {40, 30, 3}).to(at::kByte));
  std::string bytes = testing::file_bytes(folder_ / "a.png");
  EXPECT_TRUE(
      contains(message_of<InputError>([&] { image_size(folder_.write("cut.png", bytes.substr(0, bytes.size() / 2))); }),
               "ends too early"));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
  EXPECT_EQ(image_size(folder_.write("damaged.png", bytes)), (ImageSize{40, 30}));
}

TEST_F(ImageFile, DamagedPixelsAreRefused) {
  write_image(folder_ / "a.png", at::randint(0, 256, {40, 40, 3}).to(at::kByte));
  std::string bytes = testing::file_bytes(folder_ / "a.png");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
  EXPECT_TRUE(contains(refusal("damaged.png", bytes), "damaged"));
}

TEST_F(ImageFile, HugePicturesAreRefusedByTheirHeader) {
  write_image(folder_ / "a.png", picture(8, 8));
  std::string png = testing::file_bytes(folder_ / "a.png");
  EXPECT_TRUE(
      contains(refusal("huge.png", png.replace(16, 8, big_endian(65536) + big_endian(65536))), "65536 x 65536"));
  EXPECT_TRUE(contains(refusal("long.png", png.replace(16, 8, big_endian(1 << 30) + big_endian(1))), "pixels"));
  EXPECT_TRUE(contains(refusal("edge.png", png.replace(16, 8, big_endian(16384) + big_endian(8193))), "16384 x 8193"));
  EXPECT_TRUE(contains(refusal("none.png", png.replace(16, 8, big_endian(0) + big_endian(5))), "no pixels"));

  write_image(folder_ / "a.jpg", picture(8, 8));
  std::string jpeg = testing::file_bytes(folder_ / "a.jpg");
  jpeg.replace(jpeg.find("\xff\xc0") + 5, 4, std::string(4, '\xfe'));
  EXPECT_TRUE(contains(refusal("huge.jpg", jpeg), "65278 x 65278"));

  std::string bmp = "BM" + std::string(52, '\0');
  bmp.replace(14, 12, std::string("\x28\0\0\0\0\0\1\0\0\0\xff\xff", 12));
  EXPECT_TRUE(contains(refusal("huge.bmp", bmp), "65536 x 65536"));  // its height is negative: first row on top
  EXPECT_TRUE(contains(refusal("huge.ppm", "P6\n# a comment\n99999 99999\n255\n"), "99999 x 99999"));
  EXPECT_TRUE(contains(
      refusal("huge.webp", std::string("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff", 30)),
      "16777216 x 16777216"));
  const std::string entries("\0\2\1\0\0\4\0\0\0\1\0\1\0\0\1\1\0\4\0\0\0\1\0\1\0\0", 26);
  EXPECT_TRUE(contains(refusal("huge.tif", std::string("MM\0*\0\0\0\x08", 8) + entries), "65536 x 65536"));
}

TEST_F(ImageFile, IsWrittenWholeOrNotAtAll) {
  EXPECT_TRUE(contains(message_of<InputError>([&] { write_image(folder_ / "a.xyz", picture(4, 4)); }), "'.xyz'"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { write_image(folder_ / "a", picture(4, 4)); }), "extension"));
  EXPECT_TRUE(
      contains(message_of<InputError>([&] { write_image(folder_ / "none/a.png", picture(4, 4)); }), "none/a.png"));
  EXPECT_TRUE(contains(message_of<InputError>([&] {
                         write_image(folder_ / "a.png", at::rand({4, 4, 3}));
                       }),
                       "Float [4, 4, 3]"));
  EXPECT_EQ(folder_.entries(), 0U);
}

// Made with PIL 13: Image.fromarray(a).resize((4, 3), ...) for a[y, x, c] = (37 y + 59 x + 83 c + 11 x y) % 256, 6 x 9.
at::Tensor pattern() {
  const at::Tensor y = at::arange(6).view({6, 1, 1});
  const at::Tensor x = at::arange(9).view({1, 9, 1});
  const at::Tensor c = at::arange(3).view({1, 1, 3});
  return (37 * y + 59 * x + 83 * c + 11 * x * y).remainder(256).to(at::kByte);
}

at::Tensor bytes_of(const at::Tensor& input) { return (input[0].permute({1, 2, 0}) * 255).round().to(at::kByte); }

Preprocessing plain(Preprocessing::Interpolation interpolation,
                    Preprocessing::Resize resize = Preprocessing::Resize::kSquash) {
  Preprocessing preprocessing;
  preprocessing.mean = {0, 0, 0};
  preprocessing.std = {1, 1, 1};
  preprocessing.interpolation = interpolation;
  preprocessing.resize = resize;
  return preprocessing;
}

TEST(Preprocess, ResizesAsPilDoes) {
  const std::array<int, 36> bilinear = {82,  136, 134, 164, 91,  124, 123, 133, 122, 125, 132, 131,
                                        139, 141, 115, 140, 129, 132, 141, 138, 135, 146, 128, 137,
                                        148, 127, 112, 116, 132, 115, 159, 146, 111, 156, 114, 121};
  const std::array<int, 36> bicubic = {71,  137, 136, 174, 84,  121, 120, 133, 120, 123, 133, 131,
                                       142, 144, 113, 141, 128, 135, 141, 140, 138, 147, 127, 139,
                                       153, 125, 111, 109, 135, 113, 163, 148, 107, 158, 110, 119};
  const auto expected = [](const std::array<int, 36>& values) {
    return at::tensor(at::ArrayRef<int>(values)).view({3, 4, 3});
  };
  EXPECT_LE(largest_difference(bytes_of(preprocess(pattern(), {3, 4}, plain(Preprocessing::Interpolation::kBilinear))),
                               expected(bilinear)),
            1);
  EXPECT_LE(largest_difference(bytes_of(preprocess(pattern(), {3, 4}, plain(Preprocessing::Interpolation::kBicubic))),
                               expected(bicubic)),
            1);
}

TEST(Preprocess, KeepsBytesAtSharpEdges) {
  at::Tensor image = at::zeros({8, 8, 3}, at::kByte);
  image.narrow(1, 3, 5).fill_(255);  // bicubic would overshoot both black and white here
  const at::Tensor input = preprocess(image, {21, 21}, plain(Preprocessing::Interpolation::kBicubic)) * 255;
  EXPECT_GE(input.min().item<double>(), 0);
  EXPECT_LE(input.max().item<double>(), 255 + 1e-4);
  EXPECT_TRUE(at::allclose(input, input.round(), 0, 1e-4));
}

TEST(Preprocess, SubtractsMeanAndDividesByStdPerChannel) {
  Preprocessing preprocessing;
  preprocessing.mean = {0.1, 0.2, 0.3};
  preprocessing.std = {0.5, 0.25, 0.125};
  const at::Tensor input = preprocess(at::full({5, 5, 3}, 51).to(at::kByte), {2, 2}, preprocessing);  // 51 / 255 = 0.2
  ASSERT_EQ(input.sizes(), at::IntArrayRef({1, 3, 2, 2}));
  EXPECT_EQ(input.scalar_type(), at::kFloat);
  EXPECT_NEAR(input[0][0][0][0].item<double>(), 0.2, 1e-6);
  EXPECT_NEAR(input[0][1][1][1].item<double>(), 0.0, 1e-6);
  EXPECT_NEAR(input[0][2][0][1].item<double>(), -0.8, 1e-6);
}

TEST(Preprocess, OfTheModelsOwnSizeChangesNothing) {
  const at::Tensor image = picture(12, 9);
  EXPECT_TRUE(at::equal(bytes_of(preprocess(image, {12, 9}, plain(Preprocessing::Interpolation::kBicubic))), image));
}

TEST(Preprocess, CropsTheCentreAfterTheShortestEdge) {
  const Preprocessing preprocessing =
      plain(Preprocessing::Interpolation::kBilinear, Preprocessing::Resize::kShortestEdgeCrop);
  const at::Tensor wide = picture(10, 30);
  EXPECT_TRUE(at::equal(bytes_of(preprocess(wide, {10, 10}, preprocessing)), wide.narrow(1, 10, 10)));
  const at::Tensor tall = picture(33, 10);  // 11.5 rows above: to even, as torchvision rounds
  EXPECT_TRUE(at::equal(bytes_of(preprocess(tall, {10, 10}, preprocessing)), tall.narrow(0, 12, 10)));
}

TEST(Preprocess, SeesAPartOfTheShortSide) {
  Preprocessing preprocessing =
      plain(Preprocessing::Interpolation::kBilinear, Preprocessing::Resize::kShortestEdgeCrop);
  preprocessing.crop = 0.75;  // 12 of 16
  const at::Tensor image = picture(16, 20);
  EXPECT_TRUE(at::equal(bytes_of(preprocess(image, {12, 12}, preprocessing)), image.narrow(0, 2, 12).narrow(1, 4, 12)));
  preprocessing.crop = 0.9;  // 12 / 0.9 is 13.3, of which timm takes 13
  EXPECT_TRUE(at::equal(bytes_of(preprocess(picture(13, 13), {12, 12}, preprocessing)),
                        picture(13, 13).narrow(0, 0, 12).narrow(1, 0, 12)));
}

TEST(Preprocess, PadsTheShortSide) {
  Preprocessing preprocessing = plain(Preprocessing::Interpolation::kBilinear, Preprocessing::Resize::kLongestEdgePad);
  preprocessing.fill = 7;
  const at::Tensor wide = picture(5, 12);
  const at::Tensor seen = bytes_of(preprocess(wide, {12, 12}, preprocessing));
  EXPECT_TRUE(at::equal(seen.narrow(0, 3, 5), wide));  // 7 rows of padding, the odd one below
  EXPECT_TRUE(seen.narrow(0, 0, 3).eq(7).all().item<bool>());
  EXPECT_TRUE(seen.narrow(0, 8, 4).eq(7).all().item<bool>());
  const at::Tensor tall = picture(12, 6);
  EXPECT_TRUE(at::equal(bytes_of(preprocess(tall, {12, 12}, preprocessing)).narrow(1, 3, 6), tall));
  EXPECT_EQ(preprocess(picture(1000, 1), {12, 12}, preprocessing).sizes(), at::IntArrayRef({1, 3, 12, 12}));
}

TEST(Preprocess, RefusesOtherTensorsAndEndlessCrops) {
  EXPECT_TRUE(contains(message_of<InputError>([] { preprocess(at::rand({4, 4, 3}), {2, 2}); }), "Float [4, 4, 3]"));
  message_of<InputError>([] { preprocess(picture(4, 4).permute({2, 0, 1}), {2, 2}); });
  message_of<InputError>([] { preprocess(picture(4, 4), {0, 2}); });
  message_of<InputError>([] { preprocess(at::Tensor(), {2, 2}); });
  const at::Tensor line = at::zeros({1, 100000, 3}, at::kByte);
  const Preprocessing crop = plain(Preprocessing::Interpolation::kBilinear, Preprocessing::Resize::kShortestEdgeCrop);
  EXPECT_TRUE(contains(message_of<InputError>([&] { preprocess(line, {224, 224}, crop); }), "too long"));
}

TEST(OnPicture, CoversTheWholeOfASquashedPicture) {
  const at::Tensor maps = at::rand({2, 3, 4});
  EXPECT_TRUE(at::equal(on_picture(maps, {30, 50}, {12, 12}), resized(maps, {30, 50})));
}

TEST(OnPicture, LeavesWhatWasCroppedOffZero) {
  const Preprocessing crop = plain(Preprocessing::Interpolation::kBilinear, Preprocessing::Resize::kShortestEdgeCrop);
  const at::Tensor heat = on_picture(at::ones({2, 2}), {20, 60}, {10, 10}, crop);
  ASSERT_EQ(heat.sizes(), at::IntArrayRef({20, 60}));
  EXPECT_TRUE(at::allclose(heat.narrow(1, 20, 20), at::ones({20, 20})));
  EXPECT_EQ(heat.count_nonzero().item<int64_t>(), 20 * 20);
}

TEST(OnPicture, LeavesOutWhatWasPadded) {
  const Preprocessing pad = plain(Preprocessing::Interpolation::kBilinear, Preprocessing::Resize::kLongestEdgePad);
  const at::Tensor model = at::rand({12, 12});  // as large as the model's input, so nothing is interpolated
  EXPECT_TRUE(at::equal(on_picture(model, {5, 12}, {12, 12}, pad), model.narrow(0, 3, 5)));
  const at::Tensor padding = at::ones({12, 12}).index_fill(0, at::arange(3, 8), 0);
  EXPECT_EQ(on_picture(padding, {50, 120}, {12, 12}, pad).abs().max().item<float>(), 0);
}

TEST(OnPicture, PutsTheMapWhereTheCropWas) {
  const Preprocessing crop = plain(Preprocessing::Interpolation::kBilinear, Preprocessing::Resize::kShortestEdgeCrop);
  const at::Tensor heat =
      on_picture(at::ones({2, 2}), {33, 10}, {10, 10}, crop);  // rows 12 to 21, as `preprocess` took them
  ASSERT_EQ(heat.sizes(), at::IntArrayRef({33, 10}));
  EXPECT_TRUE(at::allclose(heat.narrow(0, 12, 10), at::ones({10, 10})));
  EXPECT_EQ(heat.count_nonzero().item<int64_t>(), 10 * 10);
}

OverlayStyle constant(Colormap map, double alpha) {
  return {.colormap = map, .blend = Blend::kConstant, .alpha = alpha};
}

TEST(Overlay, BlendsColourAndPicture) {
  const at::Tensor image = at::full({1, 2, 3}, 100).to(at::kByte);
  const at::Tensor heat = at::tensor({0.0, 1.0}).view({1, 2});
  EXPECT_TRUE(at::equal(overlay(image, heat, constant(Colormap::kJet, 0)), image));
  const at::Tensor jet = overlay(image, heat, constant(Colormap::kJet, 1));
  EXPECT_TRUE(at::equal(jet[0][0], pixel({0, 0, 128})));  // cold is blue, hot is red
  EXPECT_TRUE(at::equal(jet[0][1], pixel({128, 0, 0})));
  EXPECT_TRUE(at::equal(overlay(image, heat, {.blend = Blend::kConstant})[0][0], pixel({50, 50, 114})));
}

TEST(Overlay, LeavesThePictureWhereItIsCold) {
  const at::Tensor image = at::full({1, 3, 3}, 100).to(at::kByte);
  const at::Tensor heat = at::tensor({0.0, 0.2, 1.0}).view({1, 3});
  const at::Tensor drawn = overlay(image, heat, {.alpha = 0.5});
  EXPECT_TRUE(at::equal(drawn[0][0], pixel({100, 100, 100})));
  EXPECT_LE(largest_difference(drawn[0][1], pixel({90, 98, 116})), 1);  // a tenth of (0, 76, 255)
  EXPECT_LE(largest_difference(drawn[0][2], pixel({114, 50, 50})), 1);  // half of (128, 0, 0)
  EXPECT_TRUE(at::equal(overlay(image, heat), overlay(image, heat, {.alpha = 0.8})));
  EXPECT_EQ(blend("Heat"), Blend::kHeat);
  EXPECT_EQ(blend("constant"), Blend::kConstant);
  EXPECT_TRUE(contains(message_of<InputError>([] { blend("soft"); }), "heat or constant"));
}

TEST(Overlay, KnowsThreeColourMaps) {
  const at::Tensor image = at::zeros({1, 2, 3}, at::kByte);
  const at::Tensor heat = at::tensor({0.0, 1.0}).view({1, 2});
  const at::Tensor viridis = overlay(image, heat, constant(Colormap::kViridis, 1));
  EXPECT_LE(largest_difference(viridis[0][0], pixel({68, 1, 84})), 1);
  EXPECT_LE(largest_difference(viridis[0][1], pixel({253, 231, 37})), 1);
  EXPECT_LE(largest_difference(overlay(image, heat, constant(Colormap::kTurbo, 1))[0][1], pixel({122, 4, 3})), 1);
  EXPECT_EQ(colormap("JET"), Colormap::kJet);
  EXPECT_EQ(colormap("viridis"), Colormap::kViridis);
  EXPECT_EQ(colormap("Turbo"), Colormap::kTurbo);
  EXPECT_TRUE(contains(message_of<InputError>([] { colormap("rainbow"); }), "jet, viridis or turbo"));
}

TEST(Overlay, TakesHeatmapsOfAnyDtypeAndClampsThem) {
  const at::Tensor image = at::zeros({1, 2, 3}, at::kByte);
  const at::Tensor wild = at::tensor({-5.0, 7.0}).view({1, 2});
  const at::Tensor tame = at::tensor({0.0, 1.0}).view({1, 2});
  EXPECT_TRUE(at::equal(overlay(image, wild.to(at::kHalf)), overlay(image, tame)));
}

TEST(Overlay, RefusesOtherShapesAndWeights) {
  const at::Tensor image = picture(4, 6);
  EXPECT_TRUE(contains(message_of<InputError>([&] { overlay(image, at::rand({6, 4})); }), "[4, 6], got [6, 4]"));
  message_of<InputError>([&] { overlay(image, at::rand({1, 4, 6})); });
  message_of<InputError>([&] { overlay(image.to(at::kFloat), at::rand({4, 6})); });
  for (const double alpha : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_TRUE(contains(message_of<InputError>([&] { overlay(image, at::rand({4, 6}), {.alpha = alpha}); }), "alpha"));
  }
}

at::Tensor plain_picture(int64_t height, int64_t width, const std::vector<int64_t>& colour) {
  return at::tensor(colour, at::kByte).expand({height, width, 3}).contiguous();
}

/// Pixels of a figure that have this colour.
int64_t count(const at::Tensor& figure, const std::vector<int64_t>& colour) {
  return (figure == at::tensor(colour, at::kByte)).all(-1).sum().item<int64_t>();
}

TEST(Figure, HoldsEveryPictureWholeOnWhite) {
  PictureGrid grid;
  grid.columns = {"Input", "A method"};
  grid.rows.push_back({"cat", "0.5", {{plain_picture(40, 60, {255, 0, 0})}, {plain_picture(40, 60, {0, 255, 0})}}});
  grid.rows.push_back({"dog", "", {{plain_picture(40, 60, {0, 0, 255}), "12 %", 0.5}}});
  const at::Tensor figure = draw({grid});
  EXPECT_EQ(count(figure, {255, 0, 0}), 40 * 60);
  EXPECT_EQ(count(figure, {0, 255, 0}), 40 * 60);
  EXPECT_EQ(count(figure, {0, 0, 255}), 40 * 60);
  for (const auto& edge : {figure.select(0, 0), figure.select(0, -1), figure.select(1, 0), figure.select(1, -1)}) {
    EXPECT_TRUE((edge == 255).all().item<bool>()) << "no margin";
  }
  const auto words = [&](const at::Tensor& drawn) { return drawn.lt(200).all(-1).sum().item<int64_t>(); };
  const auto with_words = words(figure);
  grid.columns = {"", ""};
  grid.rows[0].label = grid.rows[0].note = grid.rows[1].label = "";
  EXPECT_LT(words(draw({grid})), with_words) << "no text was drawn";
  EXPECT_LT(draw({grid}).size(1), figure.size(1)) << "labels have a place of their own";
}

TEST(Figure, TakesAnyTextAndKeepsItInside) {
  const std::string odd = "Käfer\n\x01 " + std::string(500, 'W') + " " + std::string(5, '\xff');
  const at::Tensor figure = draw({{odd, {odd}, {{odd, odd, {{plain_picture(30, 30, {9, 9, 9}), odd, 7.0}}}}}});
  EXPECT_EQ(count(figure, {9, 9, 9}), 30 * 30);
}

TEST(Figure, RefusesWhatItCannotDraw) {
  const at::Tensor picture = plain_picture(4, 4, {0, 0, 0});
  message_of<InputError>([] { draw({}); });
  message_of<InputError>([] { draw({{"", {"a"}, {}}}); });
  message_of<InputError>([&] { draw({{"", {"a"}, {{"", "", {{picture}, {picture}}}}}}); });
  message_of<InputError>([&] { draw({{"", {"a"}, {{"", "", {{picture.to(at::kFloat)}}}}}}); });
}

TEST(ScaledTo, GivesTheLongerSideAsAskedAndKeepsTheShape) {
  const at::Tensor picture = plain_picture(40, 60, {7, 8, 9});
  EXPECT_EQ(scaled_to(picture, 30).sizes(), at::IntArrayRef({20, 30, 3}));
  EXPECT_EQ(count(scaled_to(picture, 120), {7, 8, 9}), 80 * 120);
  EXPECT_EQ(scaled_to(plain_picture(1, 1000, {0, 0, 0}), 10).sizes(), at::IntArrayRef({1, 10, 3}));
  message_of<InputError>([&] { scaled_to(picture, 0); });
}

TEST(DrawWords, GivesEachWordTheColourOfItsHeat) {
  const at::Tensor drawn = draw_words({{"cold", 0}, {"hot", 1}}, 200, {.blend = Blend::kConstant, .alpha = 1});
  ASSERT_EQ(drawn.size(1), 200);
  // The corner of each word's box, where no letter is, has the overlay's own colours of 0 and 1.
  const at::Tensor ends = overlay(at::full({1, 2, 3}, 255, at::kByte), at::tensor({0.0F, 1.0F}).unsqueeze(0),
                                  {.blend = Blend::kConstant, .alpha = 1});
  EXPECT_TRUE(at::equal(drawn[7][7], ends[0][0]));
  const auto is_hot = (drawn == ends[0][1]).all(-1);
  EXPECT_GT(is_hot.sum().item<int64_t>(), 300);
  EXPECT_FALSE(is_hot.narrow(1, 0, 40).any().item<bool>());
}

TEST(DrawWords, LeavesWhatIsColdWhiteByDefault) {
  const at::Tensor drawn = draw_words({{"cold", 0}}, 200);
  EXPECT_TRUE(at::equal(drawn[7][7], pixel({255, 255, 255})));
  EXPECT_LT(drawn.min().item<int64_t>(), 80) << "the letters are dark";
}

TEST(DrawWords, LettersAreLightOnDarkColours) {
  const auto lightest = [](float heat) {  // inside the word's box, where letters are
    const at::Tensor box = draw_words({{"word", heat}}, 200, {.blend = Blend::kConstant, .alpha = 1});
    return box.narrow(0, 8, 28).narrow(1, 8, 40).amin(-1).max().item<int64_t>();
  };
  EXPECT_GT(lightest(0), 240) << "on dark blue";
  EXPECT_GT(lightest(1), 240) << "on dark red";
  EXPECT_LT(lightest(0.5), 200) << "on light green";
}

TEST(DrawWords, GoesOnInANewLine) {
  const std::vector<HotWord> words(12, {"elephant", 0.5});
  EXPECT_GT(draw_words(words, 200).size(0), 3 * draw_words(words, 2000).size(0));
  EXPECT_EQ(draw_words({{std::string(5000, 'w'), 1}}, 100).size(1), 100) << "a word that is wider than the picture";
}

TEST(DrawWords, RefusesWhatCannotBeDrawn) {
  EXPECT_TRUE(contains(message_of<InputError>([] { draw_words({}); }), "no word"));
  EXPECT_TRUE(contains(message_of<InputError>([] { draw_words({{"a", 1}}, 10); }), "a width of 10"));
}

}  // namespace
}  // namespace legrad
