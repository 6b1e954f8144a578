#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/eval/data_set.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "eval/data/csv.h"
#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad::eval {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::message_of;
using Names = std::vector<std::string>;

constexpr const char* kHeader = "ImageId,X,Y,Label,EstimatedYesNo,Source,YesVotes,NoVotes,UnsureVotes,TextLabel\n";
constexpr const char* kPoints = "oidv7-val-annotations-point-labels.csv";
constexpr const char* kClasses = "oidv7-class-descriptions.csv";

class OpenImages : public ::testing::Test {
 protected:
  OpenImages() {
    fs::create_directory(folder_ / "images");
    for (const char* name : {"00000000000000aa.jpg", "ffffffffffffffff.jpg", "0000000000000001.jpg", "notes.txt"}) {
      folder_.write(std::string("images/") + name, "");
    }
    folder_.write(
        kClasses,
        "LabelName,DisplayName\r\n/m/01,Cat\r\n/m/02,\"Dress, \"\"formal\"\"\"\r\n/m/03,Owl\r\n/m/04,Dog\r\n");
  }
  std::unique_ptr<DataSet> open(const std::string& rows) const {
    folder_.write(kPoints, kHeader + rows);
    return open_data_set(folder_.path(), "openimages");
  }
  testing::TemporaryFolder folder_;
};

std::vector<std::pair<double, double>> places(const std::vector<Point>& points) {
  std::vector<std::pair<double, double>> all;
  all.reserve(points.size());
  for (const Point& point : points) all.emplace_back(point.x, point.y);
  return all;
}
using Places = std::vector<std::pair<double, double>>;

TEST_F(OpenImages, GathersAPicturesRowsFromAllOverTheFile) {
  const auto data = open(
      "ffffffffffffffff,0.5,0.25,/m/04,yes,ih,1,0,0,\n"
      "ffffffffffffffff,0.125,1,/m/02,no,ih,0,1,0,\n"
      "00000000000000aa,0,0,/m/01,unsure,ih,0,0,1,\n"
      "0000000000000bad,0.1,0.1,/m/03,yes,ih,1,0,0,\n"  // its picture is not here
      "ffffffffffffffff,0.75,0.5,/m/04,no,ih,0,1,0,\n"
      "00000000000000aa,0.5,0.5,/m/01,yes,ih,1,0,0,\r\n"
      "ffffffffffffffff,0.375,0.5,/m/04,yes,cc,1,0,0,\"a, b\"");  // the last line does not end
  EXPECT_TRUE(data->knows().labels && data->knows().points);
  EXPECT_FALSE(data->knows().masks || data->knows().parts);
  EXPECT_EQ(data->size(), 2);
  EXPECT_EQ(data->classes(), (Names{"Cat", "Dress, \"formal\"", "Dog"})) << "in the order of their descriptions";
  const Sample first = *data->next();
  EXPECT_EQ(first.id, "images/00000000000000aa.jpg");
  EXPECT_EQ(first.picture, folder_ / "images/00000000000000aa.jpg");
  EXPECT_EQ(first.labels, Names{"Cat"});
  EXPECT_EQ(places(first.regions.at(0).yes), (Places{{0.5, 0.5}}));
  const Sample second = *data->next();
  EXPECT_EQ(second.id, "images/ffffffffffffffff.jpg");
  EXPECT_EQ(second.labels, Names{"Dog"}) << "what was only denied is not right";
  ASSERT_EQ(second.regions.size(), 2U);
  EXPECT_EQ(second.regions[0].name, "Dog");
  EXPECT_EQ(places(second.regions[0].yes), (Places{{0.5, 0.25}, {0.375, 0.5}}));
  EXPECT_EQ(places(second.regions[0].no), (Places{{0.75, 0.5}}));
  EXPECT_EQ(places(second.regions[1].no), (Places{{0.125, 1}}));
  EXPECT_FALSE(data->next());
}

TEST_F(OpenImages, ColumnsMayStandInAnyOrder) {
  folder_.write(kPoints, "EstimatedYesNo,Label,New,Y,X,ImageId\nyes,/m/01,?,0.25,0.5,00000000000000aa\n");
  const auto data = open_data_set(folder_.path(), "openimages");
  EXPECT_EQ(places(data->next()->regions.at(0).yes), (Places{{0.5, 0.25}}));
}

TEST_F(OpenImages, ABrokenRowIsToldByItsPictureAndPassedOver) {
  const auto refused = [&](const std::string& row) {
    const auto data = open("0000000000000001," + row + "\nffffffffffffffff,0.5,0.25,/m/04,yes,\n");
    std::string message = message_of<InputError>([&] { data->next(); });
    EXPECT_TRUE(contains(message, std::string(kPoints) + "', picture 0000000000000001: "));
    EXPECT_EQ(data->next()->id, "images/ffffffffffffffff.jpg");
    return message;
  };
  EXPECT_TRUE(
      contains(refused("1.5,0.5,/m/01,yes"), "a point of '/m/01' is at (1.5, 0.5), which is not in the picture"));
  EXPECT_TRUE(contains(refused("nan,0.5,/m/01,yes"), "is at (nan, 0.5)"));
  EXPECT_TRUE(contains(refused("0.5,-0.1,/m/01,yes"), "is at (0.5, -0.1)"));
  EXPECT_TRUE(contains(refused("0.5,,/m/01,yes"), "is at (0.5, )"));
  EXPECT_TRUE(contains(refused("0.5,0.5,/m/01,maybe"), "the answer 'maybe', none of yes, no, unsure"));
  EXPECT_TRUE(contains(refused("0.5,0.5,/m/99,yes"), "'/m/99' is of a class without a description"));
}

TEST_F(OpenImages, RefusesWhatIsNotLaidOutSo) {
  const auto refused = [&](const std::string& rows) { return message_of<InputError>([&] { open(rows); }); };
  EXPECT_TRUE(contains(refused("../../../etc/x,0,0,/m/01,yes\n"), "the ImageId '../../../etc/x', which should be 16"));
  EXPECT_TRUE(contains(refused("00000000000000aa,0\n"), "the row '00000000000000aa,0' has only 2 fields"));
  EXPECT_TRUE(contains(refused("0000000000000bad,0,0,/m/01,yes\n"), "nothing to say of the pictures in"));
  EXPECT_TRUE(contains(refused(std::string(3 << 20, 'x')), "a line of more than"));
  const std::string row = "00000000000000aa,0,0,/m/01,yes\n";
  folder_.write(kClasses, "LabelName\n");
  EXPECT_TRUE(contains(refused(row), std::string(kClasses) + "': its first line names no column 'DisplayName'"));
  folder_.write("other-class-descriptions.csv", "");
  EXPECT_TRUE(contains(refused(row), "must hold one file '...class-descriptions.csv', and holds 2"));
  folder_.write(kPoints, "ImageId,X,Y,Label\n");
  EXPECT_TRUE(contains(message_of<InputError>([&] { open_data_set(folder_.path(), "openimages"); }),
                       "names no column 'EstimatedYesNo'"));
  folder_.write(kPoints, "");
  EXPECT_TRUE(contains(message_of<InputError>([&] { open_data_set(folder_.path(), "openimages"); }), kPoints));
  fs::remove(folder_ / kPoints);
  EXPECT_TRUE(contains(message_of<InputError>([&] { open_data_set(folder_.path(), "openimages"); }),
                       "must hold one file '...point-labels.csv', and holds 0"));
}

TEST_F(OpenImages, LinesAreFoundWhereverPartsOfTheFileEnd) {
  // 2^20 bytes are read at once: lines of all lengths around.
  std::mt19937 random(2);
  std::string text;
  Names written;
  while (text.size() < (3U << 20)) {
    written.emplace_back(random() % 2000, 'a' + static_cast<char>(written.size() % 26));
    text += written.back() + (written.size() % 3 == 0 ? "\r\n" : "\n");
  }
  io::OpenFile file(folder_.write("lines", text), text.size(), "lines");
  data::LineReader lines(file);
  Names read;
  while (const auto line = lines.next()) {
    EXPECT_EQ(text.compare(line->begin, line->text.size(), line->text), 0);
    EXPECT_EQ(text[line->begin + line->size - 1], '\n');
    read.emplace_back(line->text);
  }
  EXPECT_EQ(read, written);
}

}  // namespace
}  // namespace legrad::eval
