// What holds of the maps of every stock export and method, whatever their values: an image's maps do not depend on the
// images beside it, on the threads that compute them, or on what the calling thread is set to.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <legrad/legrad.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support/test_device.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json description_of(const fs::path& folder) { return json::parse(std::ifstream(folder / "fixture.json")); }

std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(LEGRAD_TEST_DATA) / "fixtures")) {
    if (!description_of(entry.path()).contains("refusal")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Vit load(const fs::path& folder, const json& description) {
  LoadOptions options{.device = testing::test_device()};
  if (description.at("size_needed").get<bool>()) {
    const auto size = description.at("structure").at("input").get<std::vector<int64_t>>();
    options.input_size = ImageSize{size.at(0), size.at(1)};
  }
  if (description.value("converted", false)) {
    options.dtype = description.at("dtype") == "float64" ? at::kDouble : at::kFloat;
  }
  return Vit::load(folder / description.at("file").get<std::string>(), options);
}

/// Computes with this many threads, and with as many as before at the end.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }

 private:
  int before_;
};

/// As `torch.autocast("cpu", torch.bfloat16)`.
class Autocast {
 public:
  Autocast() { at::autocast::set_autocast_enabled(at::kCPU, true); }
  ~Autocast() {
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
};

/// Those by rules walk image by image and take a while: on one model of each kind.
std::string methods_of(const std::string& fixture) {
  const bool all = fixture == "timm_cls_trace" || fixture == "timm_map" || fixture == "open_clip_tower";
  return all ? "all" : "legrad,grad_cam,attention_cam,raw_attention,rollout,chefer_cam,grad_eclip";
}

class PropertyTest : public ::testing::TestWithParam<std::string> {
 protected:
  /// Five images, each different from the others.
  PropertyTest() {
    const auto images = read_npy(folder_ / description_.at("images").get<std::string>());
    const auto some = images.narrow(0, 0, 1);
    images_ = at::cat({some, some.flip({2}), some.flip({3}) * 0.5, some.flip({2, 3}) * 1.5, some.roll(3, 2)});
  }

  /// The output, then the maps of every method, [B, ...] each.
  std::vector<at::Tensor> explained(const at::Tensor& images, const ExplainOptions& options = {}) const {
    auto found = explain(vit_, images, {0, 1}, methods_, options);
    found.maps.insert(found.maps.begin(), found.output);
    return found.maps;
  }

  void expect_close(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& expected) const {
    const double tolerance = description_.at("tolerance").get<double>();
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].sizes(), expected[i].sizes()) << i;
      // A map may be all zeros, where a rectifier lets nothing through.
      constexpr double kLeast = 1e-30;
      const auto error = (found[i] - expected[i]).abs().max() / expected[i].abs().max().clamp_min(kLeast);
      EXPECT_LE(error.item<double>(), tolerance) << "entry " << i << " of the output and the methods' maps";
    }
  }

  static bool equal(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& expected) {
    return std::ranges::equal(found, expected,
                              [](const at::Tensor& a, const at::Tensor& b) { return at::equal(a, b); });
  }

  static std::vector<at::Tensor> of_images(const std::vector<at::Tensor>& all, const std::vector<int64_t>& images) {
    std::vector<at::Tensor> chosen;
    for (const auto& tensor : all) {
      std::vector<at::Tensor> rows;
      rows.reserve(images.size());
      for (const int64_t image : images) rows.push_back(tensor.narrow(0, image, 1));
      chosen.push_back(at::cat(rows));
    }
    return chosen;
  }

  fs::path folder_ = fs::path(LEGRAD_TEST_DATA) / "fixtures" / GetParam();
  json description_ = description_of(folder_);
  Vit vit_ = load(folder_, description_);
  std::vector<Method> methods_ = built_in_methods().choose(methods_of(GetParam()), vit_);
  at::Tensor images_;
};

TEST_P(PropertyTest, AnImageHasTheSameMapsInEveryBatch) {
  const auto together = explained(images_);
  for (int64_t image = 0; image < 5; ++image) {
    SCOPED_TRACE("image " + std::to_string(image));
    expect_close(explained(images_.narrow(0, image, 1)), of_images(together, {image}));
  }
  expect_close(explained(images_.narrow(0, 0, 2)), of_images(together, {0, 1}));
  expect_close(explained(images_.narrow(0, 0, 3)), of_images(together, {0, 1, 2}));
  const std::vector<int64_t> shuffled = {3, 0, 4, 2, 1};
  expect_close(explained(of_images({images_}, shuffled)[0]), of_images(together, shuffled));
}

// Whether a block was kept or is run again, as many as there is room for. Of one image its values are kept as well, for
// those who go back by rules.
TEST_P(PropertyTest, TapesSaveTimeAndChangeNothing) {
  for (const auto& images : {images_, images_.narrow(0, 1, 1)}) {
    const auto expected = explained(images, {.tape_bytes = 0});
    for (const int64_t bytes : {int64_t{1} << 17, int64_t{1} << 19, int64_t{1} << 21, kTapeBytes}) {
      EXPECT_TRUE(equal(explained(images, {.tape_bytes = bytes}), expected))
          << bytes << " bytes, " << images.size(0) << " images";
    }
  }
}

TEST_P(PropertyTest, OneThreadComputesWhatTwoDo) {
  const auto with = [&](int threads) {
    const Threads scope(threads);
    return explained(images_);
  };
  const auto one = with(1);
  const auto two = with(2);
  expect_close(two, one);
  RecordProperty("bit_equal", equal(one, two) ? "yes" : "no");
}

TEST_P(PropertyTest, SixteenCallersGetWhatOneGets) {
  const Threads scope(1);
  const auto images = images_.narrow(0, 0, 2);
  const auto expected = explained(images);
  std::atomic<int> different = 0;
  std::vector<std::thread> callers;
  callers.reserve(16);
  for (int i = 0; i < 16; ++i) callers.emplace_back([&] { different += !equal(explained(images), expected); });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(different, 0);
}

TEST_P(PropertyTest, TheCallersModesChangeNothing) {
  const auto expected = explained(images_);
  const auto plain = [&](const std::vector<at::Tensor>& found) {
    EXPECT_TRUE(equal(found, expected));
    for (const auto& tensor : found) EXPECT_FALSE(tensor.requires_grad());
  };
  {
    const at::NoGradGuard no_grad;
    plain(explained(images_));
    EXPECT_FALSE(at::GradMode::is_enabled());
  }
  {
    const c10::InferenceMode inference;
    plain(explained(images_.clone()));
    EXPECT_TRUE(c10::InferenceMode::is_enabled());
  }
  {
    const Autocast autocast;
    plain(explained(images_));
    EXPECT_EQ(at::ones({2, 2}).matmul(at::ones({2, 2})).scalar_type(), at::kBFloat16);
  }
  EXPECT_TRUE(at::GradMode::is_enabled());
  plain(explained(images_.clone().requires_grad_()));
}

INSTANTIATE_TEST_SUITE_P(Fixtures, PropertyTest, ::testing::ValuesIn(fixture_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace legrad
