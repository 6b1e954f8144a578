#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/eval/data_set.h>
#include <legrad/image.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad::eval {
namespace {

using nlohmann::json;
using testing::contains;
using testing::message_of;

/// A folder with pictures of 4 x 3 pixels (H x W) and annotations.
class Coco : public ::testing::Test {
 protected:
  Coco() {
    for (const char* name : {"b.png", "a.png", "c.png"}) write_image(folder_ / name, at::zeros({4, 3, 3}, at::kByte));
    for (int64_t id = 1; const char* name : {"b.png", "a.png", "c.png"}) {
      all_["images"].push_back({{"id", 10 * id++}, {"file_name", name}, {"height", 4}, {"width", 3}});
    }
    all_["categories"] = {{{"id", 7}, {"name", "cat"}}, {{"id", 3}, {"name", "dog"}}};
    annotate(1, 20, 3, runs({0, 4, 8}));
    annotate(2, 10, 7, runs({4, 4, 4}));
    annotate(3, 20, 7, runs({8, 4}));
    annotate(4, 20, 3, runs({11, 1}), true);
  }

  static json runs(const std::vector<int>& counts) { return {{"size", {4, 3}}, {"counts", counts}}; }

  void annotate(int64_t id, int64_t image, int64_t category, const json& segmentation, bool crowd = false) {
    all_["annotations"].push_back({{"id", id},
                                   {"image_id", image},
                                   {"category_id", category},
                                   {"segmentation", segmentation},
                                   {"iscrowd", crowd ? 1 : 0}});
  }

  std::unique_ptr<DataSet> open(const std::string& text, const DataOptions& options = {}) const {
    folder_.write("instances.json", text);
    return open_data_set(folder_.path(), "coco", options);
  }
  std::unique_ptr<DataSet> open() const { return open(all_.dump(1)); }

  std::string refusal(const std::string& text) const {
    return message_of<InputError>([&] { open(text); });
  }
  std::string refusal() const { return refusal(all_.dump()); }

  testing::TemporaryFolder folder_;
  json all_;
};

/// Which columns of a mask [4, 3] are in it.
at::Tensor columns(const std::vector<int64_t>& which) {
  at::Tensor mask = at::zeros({4, 3}, at::kBool);
  for (const int64_t column : which) mask.select(1, column).fill_(true);
  return mask;
}

std::vector<Sample> all_of(DataSet& data) {
  std::vector<Sample> samples;
  while (auto sample = data.next()) samples.push_back(std::move(*sample));
  return samples;
}

TEST_F(Coco, ReadsPicturesInTheirOrderAndUnitesTheObjectsOfAClass) {
  const auto data = open();
  EXPECT_TRUE(data->knows().labels && data->knows().masks);
  EXPECT_FALSE(data->knows().points || data->knows().parts);
  EXPECT_EQ(data->classes(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(data->size(), 3);
  const std::vector<Sample> samples = all_of(*data);
  ASSERT_EQ(samples.size(), 3U);
  EXPECT_EQ(samples[0].id, "b.png");
  EXPECT_EQ(samples[0].picture, folder_ / "b.png");
  EXPECT_EQ(samples[0].labels, std::vector<std::string>{"cat"});
  EXPECT_TRUE(at::equal(samples[0].regions.at(0).mask, columns({1})));

  EXPECT_EQ(samples[1].labels, (std::vector<std::string>{"dog", "cat"}));
  at::Tensor dog = columns({0});
  dog[3][2] = true;  // of a crowd
  EXPECT_TRUE(at::equal(samples[1].regions.at(0).mask, dog));
  EXPECT_TRUE(at::equal(samples[1].regions.at(1).mask, columns({2})));
  EXPECT_TRUE(samples[1].regions.at(1).mask.is_contiguous());

  EXPECT_EQ(samples[2].id, "c.png");
  EXPECT_TRUE(samples[2].labels.empty() && samples[2].regions.empty());
  EXPECT_FALSE(data->next());
}

TEST_F(Coco, TheFileItselfAndListsInAnyOrderDoToo) {
  json other = {{"annotations", all_["annotations"]}, {"info", {{"id", 5}, {"images", {1, 2}}}}};
  std::string text = other.dump();
  text.pop_back();
  text += ",\"licenses\":[],\"categories\":" + all_["categories"].dump() + ",\"images\":" + all_["images"].dump() + "}";
  folder_.write("other.json", text);
  const auto data = open_data_set(folder_ / "other.json", "coco");
  EXPECT_TRUE(at::equal(all_of(*data).at(0).regions.at(0).mask, columns({1})));
}

TEST_F(Coco, ALabelMapMayCallTwoClassesTheSame) {
  const auto map = folder_.write("map.json", R"({"cat": "animal", "dog": "animal", "cow": "beef"})");
  const auto data = open(all_.dump(), {.label_map = map});
  EXPECT_EQ(data->classes(), std::vector<std::string>{"animal"});
  const std::vector<Sample> samples = all_of(*data);
  ASSERT_EQ(samples[1].regions.size(), 1U);
  EXPECT_EQ(samples[1].regions[0].mask.sum().item<int64_t>(), 8);
  folder_.write("map.json", R"({"cat": 1})");
  EXPECT_TRUE(contains(message_of<InputError>([&] { open(all_.dump(), {.label_map = map}); }), "map.json"));
}

TEST_F(Coco, ReadsOurScenes) {
  const std::filesystem::path scenes = LEGRAD_MODELS "/../examples/scenes";
  std::ifstream stream(scenes / "instances.json");
  const json written = json::parse(stream);
  const auto data = open_data_set(scenes, "scenes");
  EXPECT_EQ(data->classes().size(), written["categories"].size());
  const std::vector<Sample> samples = all_of(*data);
  ASSERT_EQ(samples.size(), written["images"].size());
  // Objects do not overlap: a class's area is the sum of its objects'.
  for (size_t i = 0; i < samples.size(); ++i) {
    for (const Region& region : samples[i].regions) {
      int64_t area = 0;
      for (const json& object : written["annotations"]) {
        const auto category = object["category_id"].get<size_t>();
        const bool is_it = object["image_id"] == written["images"][i]["id"] &&
                           written["categories"][category - 1]["name"] == region.name;
        if (is_it) area += object["area"].get<int64_t>();
      }
      EXPECT_EQ(region.mask.sum().item<int64_t>(), area) << samples[i].id << " " << region.name;
      EXPECT_GT(area, 0);
    }
  }
}

TEST_F(Coco, TellsABrokenAnnotationByItsIdAndGoesOn) {
  const json good = all_;
  const auto breaks = [&](size_t annotation, const std::function<void(json&)>& change) {
    all_ = good;
    change(all_["annotations"][annotation]);
    const auto data = open();
    std::string message = message_of<InputError>([&] { all_of(*data); });
    EXPECT_TRUE(contains(message, "instances.json"));
    EXPECT_EQ(all_of(*data).size(), annotation == 1 ? 2U : 1U) << "what is behind the broken one";
    return message;
  };
  EXPECT_TRUE(contains(breaks(2, [](json& it) { it["category_id"] = 99; }),
                       "picture 20: annotation 3: category 99 is not in 'categories'"));
  EXPECT_TRUE(contains(breaks(1,
                              [](json& it) {
                                it["segmentation"]["size"] = {3, 4};
                              }),
                       "picture 10: annotation 2: field 'segmentation.size' must be [4, 3]"));
  EXPECT_TRUE(contains(breaks(1, [](json& it) { it.erase("segmentation"); }), "annotation 2: field 'segmentation'"));
  EXPECT_TRUE(contains(breaks(1,
                              [](json& it) {
                                it["segmentation"]["counts"] = {1, 1 << 30};
                              }),
                       "annotation 2: its runs"));
}

TEST_F(Coco, TellsABrokenPictureAndGoesOn) {
  const json good = all_;
  const auto breaks = [&](const char* field, const json& value) {
    all_ = good;
    all_["images"][0][field] = value;
    const auto data = open();
    std::string message = message_of<InputError>([&] { data->next(); });
    EXPECT_TRUE(contains(message, "instances.json', picture 10: "));
    EXPECT_EQ(all_of(*data).size(), 2U);
    return message;
  };
  EXPECT_TRUE(contains(breaks("file_name", "../b.png"), "'../b.png' names no file in the folder"));
  EXPECT_TRUE(contains(breaks("file_name", "x/../../b.png"), "names no file in the folder"));
  EXPECT_TRUE(contains(breaks("file_name", "/etc/passwd"), "'/etc/passwd' names no file in the folder"));
  EXPECT_TRUE(contains(breaks("file_name", std::string("b.png\0x", 7)), "names no file in the folder"));
  EXPECT_TRUE(contains(breaks("file_name", ""), "names no file in the folder"));
  EXPECT_TRUE(contains(breaks("file_name", 5), "'file_name' must be a string"));
  EXPECT_TRUE(contains(breaks("file_name", "none.png"), "none.png"));
  EXPECT_TRUE(contains(breaks("height", 3), "masks are of 3 x 3 pixels, but picture"));
  EXPECT_TRUE(contains(breaks("height", -4), "'height' and 'width'"));
  EXPECT_TRUE(contains(breaks("width", 1e6), "'width' must be an integer"));
  EXPECT_TRUE(contains(breaks("width", int64_t{1} << 62), "'height' and 'width'"));
}

TEST_F(Coco, RefusesAFileWhoseIdsDoNotFitTogether) {
  const json good = all_;
  const auto changed = [&](const std::function<void(json&)>& change) {
    all_ = good;
    change(all_);
    std::string message = refusal();
    EXPECT_TRUE(contains(message, "instances.json"));
    return message;
  };
  EXPECT_TRUE(contains(changed([](json& it) { it["annotations"][2]["image_id"] = 99; }),
                       "annotation 3 is of picture 99, which is not in 'images'"));
  EXPECT_TRUE(contains(changed([](json& it) { it["annotations"][2].erase("image_id"); }),
                       "field 'image_id' of the entry of id 3 of 'annotations' must be an integer"));
  EXPECT_TRUE(contains(changed([](json& it) { it["annotations"][2]["category_id"] = "cat"; }), "'category_id' of"));
  EXPECT_TRUE(contains(changed([](json& it) { it["annotations"][2]["id"] = 1.5; }), "field 'id' of the entry at byte"));
  EXPECT_TRUE(contains(changed([](json& it) { it["images"][2]["id"] = 10; }), "id 10 is there twice in 'images'"));
  EXPECT_TRUE(contains(changed([](json& it) { it["images"][2]["id"] = 18446744073709551615U; }), "'id'"));
  EXPECT_TRUE(
      contains(changed([](json& it) { it["categories"][1]["id"] = 7; }), "id 7 is there twice in 'categories'"));
  EXPECT_TRUE(contains(changed([](json& it) { it["categories"][1].erase("name"); }), "'name' of"));
  EXPECT_TRUE(contains(changed([](json& it) { it.erase("images"); }), "no list 'images'"));
  EXPECT_TRUE(contains(changed([](json& it) { it.erase("categories"); }), "no list 'categories'"));
  EXPECT_TRUE(contains(changed([](json& it) {
                         it["images"] = {{"id", 1}};
                       }),
                       "'images' must be a list of JSON objects"));
  EXPECT_TRUE(contains(changed([](json& it) { it["images"] = 1; }), "'images' must be a list of JSON objects"));
  EXPECT_TRUE(contains(changed([](json& it) { it["annotations"] = {{1}}; }), "'annotations' must be a list"));
  EXPECT_TRUE(contains(changed([](json& it) { it = json::array({it}); }), "must be a JSON object"));
  EXPECT_TRUE(contains(refusal("7"), "must be a JSON object"));
}

TEST_F(Coco, RefusesEveryCutOfAFile) {
  const std::string whole = all_.dump();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(contains(refusal(whole.substr(0, size)), "instances.json")) << size;
  }
  EXPECT_TRUE(contains(refusal(whole + "}"), "it is no valid JSON at byte"));
  EXPECT_TRUE(contains(refusal("{\"images\": [{\"id\": NaN}]}"), "it is no valid JSON at byte"));
  EXPECT_TRUE(contains(refusal("{\"images\": [{\"id\": 1e999}]}"), "out of range"));
  EXPECT_TRUE(contains(refusal(std::string(100000, '[')), "must be a JSON object"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { open_data_set(folder_ / "none", "coco"); }), "none"));
}

TEST_F(Coco, WhateverBytesAreChangedIsReadOrRefused) {
  all_["annotations"][0]["segmentation"] = {{0, 0, 2.5, 0, 2.5, 3, 0, 3}};
  all_["annotations"][1]["segmentation"]["counts"] = "444";
  const std::string whole = all_.dump();
  std::mt19937 random(1);
  const std::string letters = "0123456789-.eE\"[]{},:ntfux\\ \x80\xff";
  for (int round = 0; round < 1000; ++round) {
    std::string changed = whole;
    for (int change = 0; change < 1 + round % 3; ++change) {
      changed[random() % changed.size()] = letters[random() % letters.size()];
    }
    std::unique_ptr<DataSet> data;
    try {
      data = open(changed);
    } catch (const InputError&) {
      continue;
    }
    for (int64_t picture = 0; picture < *data->size(); ++picture) {
      try {
        data->next();
      } catch (const InputError& error) {
        EXPECT_TRUE(contains(error.what(), "instances.json"));
      }
    }
    EXPECT_FALSE(data->next());
  }
}

TEST_F(Coco, WithoutAnnotationsKnowsNothing) {
  EXPECT_TRUE(open()->knows().masks && open()->knows().labels);
  all_["annotations"] = json::array();
  EXPECT_FALSE(open()->knows().masks || open()->knows().labels);
}

TEST(DataSet, NamesTheLayoutsItKnows) {
  EXPECT_EQ(data_formats(),
            (std::vector<std::string>{"coco", "folders", "masks", "openimages", "funnybirds", "scenes"}));
  EXPECT_TRUE(contains(message_of<InputError>([] { open_data_set("/tmp", "voc"); }),
                       "'voc' is no known layout of data; known are coco, folders"));
}

}  // namespace
}  // namespace legrad::eval
