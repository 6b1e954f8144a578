#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/eval/data_set.h>

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

class Folders : public ::testing::Test {
 protected:
  Folders() {
    for (const char* name : {"n02", "n01/more", "n10", ".git"}) fs::create_directories(folder_ / name);
    for (const char* name : {"n02/b.JPEG", "n02/a.png", "n02/notes.txt", "n01/z.webp", "n01/more/a.tif", "n01/Z.bmp",
                             "n01/.a.png", "n10/10.jpg", "n10/9.jpg", ".git/a.png", "top.png"}) {
      folder_.write(name, "");
    }
  }
  testing::TemporaryFolder folder_;
};

TEST_F(Folders, ComeByClassAndThenByFile) {
  const auto data = open_data_set(folder_.path(), "folders");
  EXPECT_TRUE(data->knows().labels);
  EXPECT_FALSE(data->knows().masks || data->knows().points || data->knows().parts);
  EXPECT_EQ(data->classes(), (Names{"n01", "n02", "n10"}));
  Names ids;
  Names labels;
  while (const auto sample = data->next()) {
    EXPECT_EQ(sample->picture, folder_ / sample->id);
    EXPECT_TRUE(sample->regions.empty());
    ids.push_back(sample->id);
    labels.insert(labels.end(), sample->labels.begin(), sample->labels.end());
  }
  EXPECT_EQ(ids,
            (Names{"n01/Z.bmp", "n01/z.webp", "n01/more/a.tif", "n02/a.png", "n02/b.JPEG", "n10/10.jpg", "n10/9.jpg"}));
  EXPECT_EQ(labels, (Names{"n01", "n01", "n01", "n02", "n02", "n10", "n10"}));
  EXPECT_FALSE(data->next());
}

TEST_F(Folders, FollowNoLinkThatLeadsBack) {
  fs::create_directory_symlink(folder_ / "n02", folder_ / "n02/again");
  fs::create_directory_symlink(folder_ / "n10", folder_ / "n02/other");
  const auto data = open_data_set(folder_.path(), "folders");
  Names ids;
  while (const auto sample = data->next()) ids.push_back(sample->id);
  EXPECT_EQ(ids, (Names{"n01/Z.bmp", "n01/z.webp", "n01/more/a.tif", "n02/a.png", "n02/b.JPEG", "n02/other/10.jpg",
                        "n02/other/9.jpg", "n10/10.jpg", "n10/9.jpg"}));
}

TEST_F(Folders, AreCalledByTheLabelMap) {
  const auto map = folder_.write("map.json", R"({"n01": "tench", "n10": "tench", "n99": "owl"})");
  const auto data = open_data_set(folder_.path(), "folders", {.label_map = map});
  EXPECT_EQ(data->classes(), (Names{"tench", "n02"}));
  Names labels;
  while (const auto sample = data->next()) labels.push_back(sample->labels.at(0));
  EXPECT_EQ(labels, (Names{"tench", "tench", "tench", "n02", "n02", "tench", "tench"}));
  const auto refused = [&](const std::string& text) {
    folder_.write("map.json", text);
    return message_of<InputError>([&] { open_data_set(folder_.path(), "folders", {.label_map = map}); });
  };
  EXPECT_TRUE(contains(refused("[]"), "map.json': it must be a JSON object"));
  EXPECT_TRUE(contains(refused(R"({"n01": ["a"]})"), "'n01' must be a string"));
  EXPECT_TRUE(contains(refused(R"({"n01")"), "no valid JSON"));
}

TEST_F(Folders, SaysWhatIsMissing) {
  const auto refused = [](const fs::path& path) {
    return message_of<InputError>([&] { open_data_set(path, "folders"); });
  };
  EXPECT_TRUE(contains(refused(folder_ / "none"), "is no folder; it should be"));
  EXPECT_TRUE(contains(refused(folder_ / "top.png"), "is no folder; it should be"));
  EXPECT_TRUE(contains(refused(folder_ / "n02"), "holds no folder"));
}

TEST_F(Folders, AFolderThatGoesAwayIsToldAndPassedOver) {
  const auto data = open_data_set(folder_.path(), "folders");
  fs::remove_all(folder_ / "n01");
  EXPECT_TRUE(contains(message_of<InputError>([&] { data->next(); }), "n01"));
  EXPECT_EQ(data->next()->id, "n02/a.png");
}

TEST_F(Folders, ALinkInACircleIsNotFollowedTwice) {
  fs::remove_all(folder_ / "n01");
  fs::create_directory_symlink(folder_.path(), folder_ / "n02" / "circle");
  const auto data = open_data_set(folder_.path(), "folders");
  Names ids;
  while (const auto sample = data->next()) ids.push_back(sample->id);
  EXPECT_EQ(ids, (Names{"n02/a.png", "n02/b.JPEG", "n02/circle/top.png", "n02/circle/n10/10.jpg",
                        "n02/circle/n10/9.jpg", "n10/10.jpg", "n10/9.jpg"}));
}

TEST_F(Folders, TooDeepOnesAreToldAndPassedOver) {
  fs::path deep = folder_ / "n01" / "more";
  for (int i = 0; i < 20; ++i) deep /= "deeper";
  fs::create_directories(deep);
  folder_.write(fs::relative(deep, folder_.path()) / "a.png", "");
  const auto data = open_data_set(folder_.path(), "folders");
  EXPECT_EQ(data->next()->id, "n01/Z.bmp");
  EXPECT_EQ(data->next()->id, "n01/z.webp");
  EXPECT_EQ(data->next()->id, "n01/more/a.tif");
  EXPECT_TRUE(contains(message_of<InputError>([&] { data->next(); }), "folders deep"));
  EXPECT_EQ(data->next()->id, "n02/a.png");
}

}  // namespace
}  // namespace legrad::eval
