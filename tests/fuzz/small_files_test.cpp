// Manifests, arrays, pictures, spellings of methods, each changed a little: read as somebody else reads it, or refused
// in one line. The ways to read them here share nothing with ours.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/bundle.h>
#include <legrad/error.h>
#include <legrad/image.h>
#include <legrad/methods.h>
#include <legrad/npy.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "support/json_edits.h"
#include "support/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using legrad::testing::file_bytes;

// Of each kind; docs/trust.md has the figures of more.
int changes() {
  const char* asked = std::getenv("LEGRAD_MUTATIONS");
  return asked == nullptr ? 250 : std::atoi(asked);
}

class SmallFilesTest : public testing::Test {
 protected:
  /// Some bytes put in, taken out or changed; one time in eight cut off.
  std::string changed(std::string bytes) {
    for (unsigned edits = 1 + random_() % 3; edits > 0 && !bytes.empty(); --edits) {
      const auto at = random_() % bytes.size();
      switch (random_() % 8) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes.insert(at, 1, static_cast<char>(random_()));
          break;
        case 2:
          bytes.erase(at, 1);
          break;
        case 3:
          bytes.insert(at, bytes.substr(at, 1 + random_() % 4));
          break;
        case 4:
          if (bytes[at] >= '0' && bytes[at] <= '9') bytes[at] = static_cast<char>('0' + random_() % 10);
          break;
        default:
          bytes[at] ^= static_cast<char>(1 << (random_() % 8));
      }
    }
    return bytes;
  }

  /// Changes each of some inputs in turn, and counts what `read` refuses and what it reads.
  template <class Read>
  void each_changed(const std::vector<std::string>& inputs, const Read& read) {
    int refused = 0;
    for (int number = 0; number < changes(); ++number) {
      random_.seed(static_cast<unsigned>(number));
      const auto bytes = changed(inputs[static_cast<size_t>(number) % inputs.size()]);
      SCOPED_TRACE(number);
      try {
        read(bytes);
      } catch (const legrad::Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        ++refused;
      }
    }
    RecordProperty("refused", refused);
    RecordProperty("read", changes() - refused);
    std::cout << refused << " refused, " << changes() - refused << " read as they are\n";
    EXPECT_GT(refused, 0);
    EXPECT_LT(refused, changes());
  }

  static std::vector<std::string> corpus(const char* target) {
    std::vector<std::string> inputs;
    for (const auto& entry : fs::directory_iterator(fs::path(LEGRAD_CORPUS) / target))
      inputs.push_back(file_bytes(entry.path()));
    std::sort(inputs.begin(), inputs.end());
    return inputs;
  }

  std::mt19937 random_;
  legrad::testing::TemporaryFolder folder_;
};

/// The numbers of an array in the order that its file has them, as doubles.
std::vector<double> numbers_of(const std::string& bytes, const std::string& descr) {
  std::vector<double> numbers;
  const auto read = [&]<class Number>(Number number) {
    for (size_t at = 0; at + sizeof(number) <= bytes.size(); at += sizeof(number)) {
      std::memcpy(&number, bytes.data() + at, sizeof(number));
      numbers.push_back(static_cast<double>(number));
    }
  };
  if (descr == "|b1" || descr == "|u1") read(uint8_t{});
  if (descr == "|i1") read(int8_t{});
  if (descr == "<i2") read(int16_t{});
  if (descr == "<i4") read(int32_t{});
  if (descr == "<i8") read(int64_t{});
  if (descr == "<u2") read(uint16_t{});
  if (descr == "<u4") read(uint32_t{});
  if (descr == "<u8") read(uint64_t{});
  if (descr == "<f2") read(c10::Half{});
  if (descr == "<f4") read(float{});
  if (descr == "<f8") read(double{});
  return numbers;
}

TEST_F(SmallFilesTest, ArraysHoldTheNumbersOfTheirFile) {
  auto inputs = corpus("array");
  for (const auto type : {at::kFloat, at::kByte, at::kLong}) {  // whose data is longer than its header
    legrad::write_npy(folder_ / "long.npy", at::arange(600).reshape({3, 10, 20}).to(type));
    inputs.push_back(file_bytes(folder_ / "long.npy"));
  }
  each_changed(inputs, [&](const std::string& bytes) {
    const auto array = legrad::read_npy(folder_.write("x.npy", bytes));
    const std::string text(bytes.begin(), bytes.begin() + bytes.rfind('}') + 1);
    std::smatch descr, order, shape;
    ASSERT_TRUE(std::regex_search(text, descr, std::regex("['\"]descr['\"]\\s*:\\s*['\"]([^'\"]*)['\"]")));
    ASSERT_TRUE(std::regex_search(text, order, std::regex("['\"]fortran_order['\"]\\s*:\\s*(True|False)")));
    ASSERT_TRUE(std::regex_search(text, shape, std::regex("['\"]shape['\"]\\s*:\\s*\\(([^)]*)\\)")));
    std::vector<int64_t> sizes;
    const std::string list = shape[1];
    const std::regex number("[0-9]+");
    for (std::sregex_iterator at(list.begin(), list.end(), number), end; at != end; ++at)
      sizes.push_back(std::stoll(at->str()));
    ASSERT_EQ(array.sizes(), at::IntArrayRef(sizes));
    const auto length = bytes[6] == 1 ? 10 : 12;
    const size_t header = static_cast<unsigned char>(bytes[8]) + 256U * static_cast<unsigned char>(bytes[9]);
    const auto expected = numbers_of(bytes.substr(static_cast<size_t>(length) + header), descr[1]);
    std::vector<int64_t> dimensions(sizes.size());
    for (size_t i = 0; i < dimensions.size(); ++i) dimensions[i] = static_cast<int64_t>(dimensions.size() - 1 - i);
    const auto lies = order[1] == "True" ? array.permute(dimensions).contiguous() : array;
    const auto found = lies.flatten().to(at::kDouble);
    ASSERT_EQ(found.numel(), static_cast<int64_t>(expected.size()));
    const auto same = [](double a, double b) { return a == b || (a != a && b != b); };
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(same(found[static_cast<int64_t>(i)].item<double>(), expected[i]));
  });
}

TEST_F(SmallFilesTest, PicturesAreWhatTheirDecoderGives) {
  std::vector<std::string> inputs;
  cv::Mat picture(6, 7, CV_8UC3);
  cv::randu(picture, 0, 255);
  for (const char* ending : {".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm"}) {
    std::vector<unsigned char> encoded;
    cv::imencode(ending, picture, encoded);
    inputs.emplace_back(encoded.begin(), encoded.end());
  }
  each_changed(inputs, [&](const std::string& bytes) {
    const auto image = legrad::read_image(folder_.write("x", bytes));
    cv::Mat decoded = cv::imdecode(std::vector<unsigned char>(bytes.begin(), bytes.end()), cv::IMREAD_UNCHANGED);
    ASSERT_FALSE(decoded.empty());
    if (decoded.depth() != CV_8U || decoded.channels() == 4) return;  // scaled, or laid over white: image_test
    cv::Mat rgb;
    cv::cvtColor(decoded, rgb, decoded.channels() == 1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
    if (image.size(0) != rgb.rows || image.size(1) != rgb.cols) {  // on its side, by an orientation that a change made
      EXPECT_EQ(image.numel(), static_cast<int64_t>(rgb.total() * 3));
      return;
    }
    EXPECT_EQ(std::memcmp(image.data_ptr(), rgb.data, static_cast<size_t>(image.numel())), 0);
  });
}

TEST_F(SmallFilesTest, ManifestsSayWhatTheirJsonSays) {
  folder_.write("vision.ts", "x");
  std::vector<std::string> inputs;
  for (const auto& input : corpus("manifest")) inputs.push_back(input.substr(0, input.find('\0')));
  each_changed(inputs, [&](const std::string& bytes) {
    auto text = bytes;
    if (auto root = nlohmann::json::parse(bytes, nullptr, false); !root.is_discarded() && random_() % 2 == 0) {
      legrad::testing::edit_json(root, random_);
      text = root.dump();
    }
    folder_.write("manifest.json", text);
    const auto bundle = legrad::Bundle::open(folder_.path());
    const auto root = nlohmann::json::parse(text);
    const auto given = [](const nlohmann::json& of, const char* field) {
      return of.contains(field) && !of[field].is_null();
    };
    EXPECT_EQ(root["schema_version"], 1);
    EXPECT_EQ(fs::weakly_canonical(folder_ / root["vision"].get<std::string>()), bundle.vision);
    if (given(root, "name") && root["name"] != "") {
      EXPECT_EQ(root["name"], bundle.name);
    }
    EXPECT_EQ(given(root, "kind") ? root["kind"] : nlohmann::json(""), bundle.kind);
    EXPECT_EQ(given(root, "labels") ? root["labels"] : nlohmann::json::array(), bundle.labels);
    EXPECT_EQ(given(root, "grid"), bundle.grid.has_value());
    if (bundle.grid) {
      EXPECT_EQ(root["grid"], nlohmann::json({bundle.grid->rows, bundle.grid->columns}));
    }
    if (!given(root, "preprocessing")) return;
    const auto& made = bundle.preprocessing;
    const auto& preprocessing = root["preprocessing"];
    if (given(preprocessing, "mean")) {
      EXPECT_EQ(preprocessing["mean"], made.mean);
    }
    if (given(preprocessing, "std")) {
      EXPECT_EQ(preprocessing["std"], made.std);
    }
    if (given(preprocessing, "size")) {
      EXPECT_EQ(preprocessing["size"], nlohmann::json({made.size->height, made.size->width}));
    }
    using Made = legrad::Preprocessing;
    if (given(preprocessing, "resize")) {
      EXPECT_EQ(preprocessing["resize"] == "squash", made.resize == Made::Resize::kSquash);
    }
    if (given(preprocessing, "interpolation")) {
      EXPECT_EQ(preprocessing["interpolation"] == "bicubic", made.interpolation == Made::Interpolation::kBicubic);
    }
  });
}

TEST_F(SmallFilesTest, SpellingsOfMethodsMeanWhatTheySay) {
  const auto methods = legrad::built_in_methods();
  const std::vector<std::string> inputs = {"legrad/readout=token_mean/layers=-4:",
                                           "legrad/layers=0,3,-1,rollout",
                                           "raw_attention,grad_cam",
                                           "chefer_cam/layers=all",
                                           "rollout , legrad",
                                           "all"};
  each_changed(inputs, [&](const std::string& text) {
    for (const auto& chosen : methods.parse_list(text)) {
      EXPECT_EQ(methods.parse(chosen.spec).spec, chosen.spec);
      // Whatever was chosen stands in the text, but for blanks, and values of several spellings.
      auto squeezed = text;
      std::erase_if(squeezed, [](char letter) { return letter == ' ' || letter == '\t'; });
      if (text != "all") {
        EXPECT_NE(squeezed.find(chosen.name), std::string::npos) << chosen.spec;
      }
    }
  });
}

}  // namespace
