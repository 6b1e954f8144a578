#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/layers.h>

#include "support/message_of.h"

namespace legrad {
namespace {

using testing::contains;
using testing::message_of;
using Layers = std::vector<int64_t>;

TEST(ParseLayers, ReadsIndicesAndHalfOpenRanges) {
  EXPECT_EQ(parse_layers("2", 12), Layers({2}));
  EXPECT_EQ(parse_layers("0,3,-1", 12), Layers({0, 3, 11}));
  EXPECT_EQ(parse_layers("9:", 12), Layers({9, 10, 11}));
  EXPECT_EQ(parse_layers(":3", 12), Layers({0, 1, 2}));
  EXPECT_EQ(parse_layers("-3:", 12), Layers({9, 10, 11}));
  EXPECT_EQ(parse_layers("2:-8", 12), Layers({2, 3}));
  EXPECT_EQ(parse_layers(":", 3), Layers({0, 1, 2}));
  EXPECT_EQ(parse_layers("0:12", 12).size(), 12U);
}

TEST(ParseLayers, SortsAndDropsDoubles) { EXPECT_EQ(parse_layers("5,1,5,-7,0:2", 12), Layers({0, 1, 5})); }

TEST(ParseLayers, AllowsBlanks) { EXPECT_EQ(parse_layers(" 1 , 3 : 5 ", 12), Layers({1, 3, 4})); }

TEST(ParseLayers, RefusesWhatLeavesTheModel) {
  for (const char* spec : {"12", "-13", "0,12", "5:13", "-13:", "99999999999999999999"}) {
    EXPECT_TRUE(contains(message_of<InputError>([&] { parse_layers(spec, 12); }), "blocks 0 to 11")) << spec;
  }
}

TEST(ParseLayers, RefusesEmptyRanges) {
  for (const char* spec : {"4:4", "5:2", "12:", ":0", "-1:-3"}) {
    EXPECT_TRUE(contains(message_of<InputError>([&] { parse_layers(spec, 12); }), "holds no block")) << spec;
  }
}

TEST(ParseLayers, RefusesWordsThatAreNoIndex) {
  for (const char* spec : {"", ",", "1,", "last", "1.5", "0x1", "1:2:3", "a:b", "+1", "1 2", "--1"}) {
    message_of<InputError>([&] { parse_layers(spec, 12); });
  }
}

TEST(ResolveLayers, NoneMeansAll) { EXPECT_EQ(resolve_layers({}, 3), Layers({0, 1, 2})); }

TEST(ResolveLayers, CountsFromTheEndAndSorts) { EXPECT_EQ(resolve_layers({-1, 0, 2, 11}, 12), Layers({0, 2, 11})); }

TEST(ResolveLayers, RefusesWhatLeavesTheModel) {
  EXPECT_TRUE(contains(message_of<InputError>([] { resolve_layers({12}, 12); }), "no block 12"));
  EXPECT_TRUE(contains(message_of<InputError>([] { resolve_layers({-13}, 12); }), "no block -13"));
}

}  // namespace
}  // namespace legrad
