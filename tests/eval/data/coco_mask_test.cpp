#include "eval/data/coco_mask.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/message_of.h"

namespace legrad::eval::data {
namespace {

using nlohmann::json;
using testing::contains;
using testing::message_of;

/// What tests/oracle/make_coco_masks.py has pycocotools make; LEGRAD_COCO_MASKS names a file with more of it.
json cases() {
  const char* file = std::getenv("LEGRAD_COCO_MASKS");
  std::ifstream stream(file != nullptr ? file : LEGRAD_TEST_DATA "/eval/coco_masks.json");
  return json::parse(stream);
}

at::Tensor empty_mask(const json& size) {
  return at::zeros({size[1].get<int64_t>(), size[0].get<int64_t>()}, at::kBool);
}

/// Run lengths of a mask [W, H], the first of what is out of it.
std::vector<int64_t> counts_of(const at::Tensor& columns) {
  std::vector<int64_t> counts(1);
  bool inside = false;
  for (int64_t i = 0; i < columns.numel(); ++i) {
    if (columns.data_ptr<bool>()[i] != inside) {
      counts.push_back(0);
      inside = !inside;
    }
    ++counts.back();
  }
  return counts;
}

TEST(CocoMask, PolygonsAreThoseOfCocosOwnTools) {
  const json all = cases();
  ASSERT_FALSE(all["polygons"].empty());
  for (const json& each : all["polygons"]) {
    const at::Tensor mask = empty_mask(each["size"]);
    add_polygon(each["polygon"].get<std::vector<double>>(), mask);
    EXPECT_EQ(counts_of(mask), each["counts"].get<std::vector<int64_t>>()) << each;
  }
}

TEST(CocoMask, RunLengthsAreThoseOfCocosOwnTools) {
  const json all = cases();
  ASSERT_FALSE(all["runs"].empty());
  for (const json& each : all["runs"]) {
    const auto counts = each["counts"].get<std::vector<int64_t>>();
    const at::Tensor mask = empty_mask(each["size"]);
    EXPECT_EQ(counts_in(each["text"].get<std::string>(), mask.numel()), counts);
    add_runs(counts, mask);
    EXPECT_EQ(counts_of(mask), counts);
  }
}

TEST(CocoMask, PixelsAreCountedDownTheColumns) {
  // height 2, width 3: two out, one in, three out
  const at::Tensor mask = empty_mask({2, 3});
  add_segmentation({{"size", {2, 3}}, {"counts", {2, 1, 3}}}, mask);
  EXPECT_TRUE(at::equal(mask.t(), at::tensor({0, 1, 0, 0, 0, 0}).view({2, 3}).to(at::kBool)));
}

TEST(CocoMask, PolygonsOfAnObjectAreUnited) {
  const at::Tensor mask = empty_mask({4, 4});
  const json left = {0, 0, 2, 0, 2, 4, 0, 4};
  const json upper = {0, 0, 4, 0, 4, 1, 0, 1};
  add_segmentation({left, upper}, mask);
  const at::Tensor expected = at::zeros({4, 4}, at::kBool);
  expected.slice(1, 0, 2).fill_(true);
  expected.slice(0, 0, 1).fill_(true);
  EXPECT_TRUE(at::equal(mask.t(), expected));
}

std::string refusal(const json& segmentation) {
  return message_of<InputError>([&] { add_segmentation(segmentation, empty_mask({4, 5})); });
}

TEST(CocoMask, RefusesWhatIsNoMask) {
  EXPECT_TRUE(contains(refusal(nullptr), "'segmentation' must be a list of polygons"));
  EXPECT_TRUE(contains(refusal(json::array()), "'segmentation' must be a list of polygons"));
  EXPECT_TRUE(contains(refusal({1, 2, 3, 4, 5, 6}), "'segmentation' must be a list of polygons"));
  EXPECT_TRUE(contains(refusal({{1, 2, 3, 4}}), "three corners or more, not 4 numbers"));
  EXPECT_TRUE(contains(refusal({{1, 2, 3, 4, 5, 6, 7}}), "not 7 numbers"));
  EXPECT_TRUE(contains(refusal({{1, 2, 3, 4, 5, "x"}}), "a list of numbers"));
  EXPECT_TRUE(contains(refusal({{1, 2, 3, 4, 5, nullptr}}), "a list of numbers"));
  EXPECT_TRUE(contains(refusal({{1, 2, 1e30, 4, 5, 3}}), "far outside"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(contains(refusal({{1, 2, nan, 4, 5, 3}}), "far outside"));
  EXPECT_TRUE(contains(refusal({{1, 2, 3, -1021, 5, 3}}), "far outside"));
  const json not_so_far = json::array({json::array({1, 2, 3, -1020, 5, 3})});
  EXPECT_NO_THROW(add_segmentation(not_so_far, empty_mask({4, 5})));
  json long_way = json::array();
  for (int i = 0; i < 60'000; ++i) long_way.insert(long_way.end(), {i % 2 * 1000, i % 3});
  EXPECT_TRUE(contains(refusal(json::array({long_way})), "longer than any picture"));
}

TEST(CocoMask, RefusesRunLengthsThatDoNotFit) {
  const auto runs = [](const json& size, const json& counts) { return refusal({{"size", size}, {"counts", counts}}); };
  EXPECT_TRUE(contains(runs({5, 4}, {20}), "must be [4, 5]"));
  EXPECT_TRUE(contains(runs(nullptr, {20}), "must be [4, 5]"));
  EXPECT_TRUE(contains(runs({4, 5}, nullptr), "'segmentation.counts' must be"));
  EXPECT_TRUE(contains(runs({4, 5}, {3, -1}), "beyond the picture's last pixel"));
  EXPECT_TRUE(contains(runs({4, 5}, {3, 1.5}), "'segmentation.counts' must be"));
  EXPECT_TRUE(contains(runs({4, 5}, {3, 4}), "make up 7 pixels, but the picture has 20"));
  EXPECT_TRUE(contains(runs({4, 5}, {3, 18}), "beyond the picture's last pixel"));
  EXPECT_TRUE(contains(runs({4, 5}, {3, 18446744073709551615U}), "beyond the picture's last pixel"));
  EXPECT_TRUE(contains(runs({4, 5}, {9223372036854775807U, 9223372036854775807U}), "beyond the picture's last pixel"));
  EXPECT_TRUE(contains(runs({4, 5}, "o"), "no text of run lengths"));     // more is to follow
  EXPECT_TRUE(contains(runs({4, 5}, "\x7f"), "no text of run lengths"));  // beyond 48 + 63
  EXPECT_TRUE(contains(runs({4, 5}, "oooooooooooooooo0"), "no text of run lengths"));
  EXPECT_TRUE(contains(runs({4, 5}, "@"), "beyond the picture's size"));           // -16
  EXPECT_TRUE(contains(runs({4, 5}, "d0d0"), "beyond the picture's last pixel"));  // 20 and 20
}

}  // namespace
}  // namespace legrad::eval::data
