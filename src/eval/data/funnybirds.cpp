// FunnyBirds, birds that are told apart by their parts (Hesse, Schaub-Meyer and Roth 2023, arXiv 2308.06248):
//
//   PATH/classes.json                                    which variant of each part a class has
//   PATH/dataset_test.json                               the scenes; the k-th is picture k
//   PATH/test/CLASS/000123.png                           and its parts in flat colours, in test_part_map/
//   PATH/test_interventions/CLASS/000123/body_beak_eye.png                    with some parts only
//   PATH/test_interventions/CLASS/000123/background_interventions/0.png       without an object of the background
//
// A class is called by its number, as its folders are. Pictures come in the order of the scenes. A picture whose folder
// of interventions is missing comes without them; one that misses a single file in it is told when that file is read.
// Kept in memory: for each scene, its class and how many objects its background has.
#include <ATen/ATen.h>
#include <legrad/error.h>
#include <legrad/eval/parts.h>
#include <legrad/image.h>

#include <array>
#include <optional>
#include <system_error>
#include <utility>

#include "eval/data/class_names.h"
#include "eval/data/formats.h"
#include "eval/data/json_file.h"
#include "eval/data/paths.h"
#include "io/json_fields.h"
#include "io/words.h"

namespace legrad::eval::data {
namespace {

namespace fs = std::filesystem;

/// In the order of their names, as in the names of files.
constexpr std::array kParts = {"beak", "eye", "foot", "tail", "wing"};

/// The colour of a part's instance in a part map, and its part.
struct Instance {
  std::array<int64_t, 3> colour;
  int64_t part;
};
constexpr std::array kInstances = {
    Instance{{255, 255, 0}, 0}, Instance{{255, 255, 253}, 1}, Instance{{255, 255, 254}, 1}, Instance{{255, 0, 1}, 2},
    Instance{{255, 0, 2}, 2},   Instance{{0, 0, 255}, 3},     Instance{{0, 255, 1}, 4},     Instance{{0, 255, 2}, 4},
};
/// The n-th object of the background has this colour, and n more of blue.
constexpr int64_t kBackground = 204;
constexpr int64_t kMaxBackground = 256 - kBackground;

struct Scene {
  int64_t label = 0;
  int64_t background = 0;
};

std::vector<io::JsonFields> objects_in(const nlohmann::json& list) {
  if (!list.is_array()) throw InputError("it must be a list of JSON objects, [{...}]");
  std::vector<io::JsonFields> objects;
  for (const auto& item : list) objects.emplace_back(item, "[" + std::to_string(objects.size()) + "]");
  return objects;
}

PartTable read_table(const fs::path& file) {
  const nlohmann::json document = read_json(file, "classes");
  return told_with("classes '" + file.string() + "'", [&] {
    constexpr int64_t kMaxClasses = 10000;
    PartTable table = {.parts = {kParts.begin(), kParts.end()}, .variants = {}};
    for (const io::JsonFields& fields : objects_in(document)) {
      if (fields.integer("class_idx") != static_cast<int64_t>(table.variants.size())) {
        fields.fail("class_idx", "the place of the class in the list");
      }
      const io::JsonFields parts = fields.object("parts");
      std::vector<int64_t>& variants = table.variants.emplace_back();
      for (const char* part : kParts) variants.push_back(parts.integer(part));
    }
    if (table.variants.empty() || table.variants.size() > kMaxClasses) {
      throw InputError("it must hold 1 to " + std::to_string(kMaxClasses) + " classes");
    }
    return table;
  });
}

std::vector<Scene> read_scenes(const fs::path& file, int64_t classes) {
  const nlohmann::json document = read_json(file, "scenes");
  return told_with("scenes '" + file.string() + "'", [&] {
    std::vector<Scene> scenes;
    for (const io::JsonFields& fields : objects_in(document)) {
      Scene scene = {.label = fields.integer("class_idx")};
      if (scene.label < 0 || scene.label >= classes) fields.fail("class_idx", "a class of classes.json");
      // A number and a comma for each: "2,3,1,".
      for (const std::string& word : io::words_between(fields.string("bg_objects"), ','))
        scene.background += !word.empty();
      if (scene.background > kMaxBackground) fields.fail("bg_objects", "of at most 52 objects");
      scenes.push_back(scene);
    }
    return scenes;
  });
}

/// bool [H, W]: the pixels of exactly this colour. `codes` holds each pixel's R G B as one number.
at::Tensor pixels_of(const at::Tensor& codes, int64_t red, int64_t green, int64_t blue) {
  return codes == (red * 256 + green) * 256 + blue;
}

class FunnyBirds : public DataSet {
 public:
  FunnyBirds(fs::path path, const DataOptions& options)
      : path_(std::move(path)),
        table_(std::make_shared<PartTable>(read_table(path_ / "classes.json"))),
        scenes_(read_scenes(path_ / "dataset_test.json", static_cast<int64_t>(table_->variants.size()))),
        classes_(options.label_map) {
    for (size_t i = 0; i < table_->variants.size(); ++i) {
      if (classes_.add(std::to_string(i)) != i) throw InputError("the label map gives two classes of birds one name");
    }
  }

  Knows knows() const override { return {.labels = true, .parts = true}; }
  const std::vector<std::string>& classes() const override { return classes_.all(); }
  std::optional<int64_t> size() const override { return static_cast<int64_t>(scenes_.size()); }

  std::optional<Sample> next() override {
    if (at_ == scenes_.size()) return std::nullopt;
    const size_t index = at_++;
    const Scene& scene = scenes_[index];
    constexpr size_t kDigits = 6;
    std::string number = std::to_string(index);
    number.insert(0, kDigits - std::min(number.size(), kDigits), '0');
    const fs::path name = fs::path(std::to_string(scene.label)) / number;
    const fs::path file = name.string() + ".png";
    Sample sample{.id = ("test" / file).generic_string(),
                  .picture = path_ / "test" / file,
                  .labels = {classes_.all()[static_cast<size_t>(scene.label)]},
                  .regions = {}};
    PartPictures parts = {.table = table_, .label = scene.label, .background = scene.background};
    add_masks(path_ / "test_part_map" / file, parts);
    told_with("'" + (path_ / "test_part_map" / file).string() + "'", [&] {
      check_size(sample.picture, {parts.masks.size(1), parts.masks.size(2)});
    });
    add_pictures(path_ / "test_interventions" / name, parts);
    sample.parts = std::make_shared<PartPictures>(std::move(parts));
    return sample;
  }

 private:
  static void add_masks(const fs::path& part_map, PartPictures& parts) {
    const at::Tensor rgb = read_image(part_map).to(at::kInt);
    const at::Tensor codes = (rgb.select(2, 0) * 256 + rgb.select(2, 1)) * 256 + rgb.select(2, 2);
    std::vector<at::Tensor> masks;
    for (const Instance& instance : kInstances) {
      masks.push_back(pixels_of(codes, instance.colour[0], instance.colour[1], instance.colour[2]));
      parts.objects.push_back(instance.part);
    }
    for (int64_t n = 0; n < parts.background; ++n) {
      masks.push_back(pixels_of(codes, kBackground, kBackground, kBackground + n));
      parts.objects.push_back(static_cast<int64_t>(kParts.size()) + n);
    }
    parts.masks = at::stack(masks);
  }

  static void add_pictures(const fs::path& folder, PartPictures& parts) {
    std::error_code ignored;
    if (!fs::is_directory(folder, ignored)) return;
    for (size_t kept = 0; kept < size_t{1} << kParts.size(); ++kept) {
      std::vector<std::string> names;
      for (size_t p = 0; p < kParts.size(); ++p) {
        if ((kept >> p & 1U) != 0) names.emplace_back(kParts[p]);
      }
      parts.with_parts.push_back(folder / ("body_" + io::joined(names, "_") + ".png"));
    }
    for (int64_t n = 0; n < parts.background; ++n) {
      parts.without_background.push_back(folder / "background_interventions" / (std::to_string(n) + ".png"));
    }
  }

  fs::path path_;
  std::shared_ptr<const PartTable> table_;
  std::vector<Scene> scenes_;
  ClassNames classes_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<DataSet> open_funnybirds(const fs::path& path, const DataOptions& options) {
  return std::make_unique<FunnyBirds>(checked_folder(path, "a folder as FunnyBirds is published"), options);
}

}  // namespace legrad::eval::data
