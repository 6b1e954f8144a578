// A mask beside each picture, as PASCAL VOC and ImageNet-S have them:
//
//   PATH/classes.txt                      a class a line, line 1 being number 0
//   PATH/masks/a/b.png                    or SegmentationClass/; folders in it are followed
//   PATH/images/a/b.jpg                   or JPEGImages/; any format of pictures
//
// There is a picture for each mask, in the order of the masks' names; pictures without one are passed over. Numbers of
// classes are a pixel's index into the palette, or its grey, with 255 for pixels that are not labelled (PASCAL VOC); or
// R + 256 G of an RGB mask, with 1000 for those (ImageNet-S: Gao et al. 2022, arXiv 2106.03149). Number 0 is what is of
// no class, so that line 1 of classes.txt, "background", is none. The classes that have a pixel are those that are
// right for the picture. Kept in memory: the names of the files of the folder that is being read.
#include <ATen/ATen.h>
#include <legrad/error.h>

#include <fstream>
#include <initializer_list>
#include <optional>
#include <utility>

#include "eval/data/class_names.h"
#include "eval/data/file_walk.h"
#include "eval/data/formats.h"
#include "eval/data/json_file.h"
#include "eval/data/paths.h"
#include "eval/data/png_samples.h"
#include "io/nearest_names.h"
#include "io/read_file.h"
#include "io/words.h"

namespace legrad::eval::data {
namespace {

namespace fs = std::filesystem;

/// Which of two names a folder in `path` has.
fs::path folder_named(const fs::path& path, const char* name, const char* voc_name) {
  std::error_code ignored;
  for (const char* each : {name, voc_name}) {
    if (fs::is_directory(path / each, ignored)) return path / each;
  }
  throw InputError("'" + path.string() + "' must hold a folder '" + name + "' or '" + voc_name + "'");
}

/// The picture for a mask: of the same name, with another ending.
fs::path picture_for(const fs::path& mask, const fs::path& masks, const fs::path& pictures) {
  const fs::path wanted = pictures / mask.lexically_relative(masks);
  for (const char* ending : {".jpg", ".JPEG", ".png", ".jpeg", ".JPG", ".webp", ".bmp", ".tif", ".tiff", ".PNG"}) {
    fs::path picture = wanted;
    picture.replace_extension(ending);
    std::error_code ignored;
    if (fs::is_regular_file(picture, ignored)) return picture;
  }
  throw InputError("mask '" + mask.string() + "' has no picture '" + wanted.stem().string() + "' in '" +
                   wanted.parent_path().string() + "'");
}

/// The number of each pixel's class, int64 [H, W], and the number that stands for pixels that are not labelled.
std::pair<at::Tensor, int64_t> class_numbers(const at::Tensor& samples) {
  constexpr int64_t kVocUnlabelled = 255;
  constexpr int64_t kImageNetUnlabelled = 1000;
  const at::Tensor numbers = samples.to(at::kLong);
  if (samples.size(2) == 1) return {numbers.select(2, 0), kVocUnlabelled};
  if (samples.select(2, 2).any().item<bool>()) {
    throw InputError("its pixels are colours and no numbers of classes: R + 256 G has no blue");
  }
  return {numbers.select(2, 0) + 256 * numbers.select(2, 1), kImageNetUnlabelled};
}

class Masks : public DataSet {
 public:
  Masks(const fs::path& path, const DataOptions& options)
      : masks_(folder_named(path, "masks", "SegmentationClass")),
        pictures_(folder_named(path, "images", "JPEGImages")),
        classes_(options.label_map),
        walk_(masks_) {
    constexpr uint64_t kMaxFile = uint64_t{1} << 20;
    std::string text = io::read_file(path / "classes.txt", kMaxFile, "list of classes");
    std::erase(text, '\r');
    if (text.ends_with('\n')) text.pop_back();
    for (const std::string& name : io::words_between(text, '\n')) {
      const bool is_class = !class_of_.empty() && !name.empty();
      class_of_.push_back(is_class ? std::optional(classes_.add(name)) : std::nullopt);
    }
    if (classes_.all().empty()) {
      throw InputError("'" + (path / "classes.txt").string() +
                       "' must hold 'background' and then the classes, one a line");
    }
  }

  Knows knows() const override { return {.labels = true, .masks = true}; }
  const std::vector<std::string>& classes() const override { return classes_.all(); }
  std::optional<int64_t> size() const override { return std::nullopt; }

  std::optional<Sample> next() override {
    while (const std::optional<fs::path> mask = walk_.next()) {
      if (io::lower_case(mask->extension().string()) == ".png") return sample(*mask);
    }
    return std::nullopt;
  }

 private:
  Sample sample(const fs::path& mask) const {
    const fs::path picture = picture_for(mask, masks_, pictures_);
    Sample sample{.id = picture.lexically_relative(pictures_.parent_path()).generic_string(),
                  .picture = picture,
                  .labels = {},
                  .regions = {}};
    const PngSamples png = read_png_samples(mask);
    told_with("mask '" + mask.string() + "'", [&] {
      check_size(picture, {png.samples.size(0), png.samples.size(1)});
      const auto [numbers, unlabelled_number] = class_numbers(png.samples);
      const at::Tensor unlabelled = numbers == unlabelled_number;
      if (unlabelled.any().item<bool>()) sample.unlabelled = unlabelled;
      add_regions(numbers.masked_fill(unlabelled, 0), sample);
    });
    return sample;
  }

  void add_regions(const at::Tensor& numbers, Sample& sample) const {
    const at::Tensor counts = at::bincount(numbers.flatten());
    const auto seen = counts.accessor<int64_t, 1>();
    for (int64_t number = 1; number < counts.size(0); ++number) {
      if (seen[number] == 0) continue;
      const auto row = static_cast<size_t>(number);
      if (row >= class_of_.size() || !class_of_[row]) {
        throw InputError("it has pixels of class " + std::to_string(number) + ", for which classes.txt has no line");
      }
      const std::string& name = classes_.all()[*class_of_[row]];
      const at::Tensor mask = numbers == number;
      if (const auto known = std::ranges::find(sample.regions, name, &Region::name); known != sample.regions.end()) {
        known->mask.logical_or_(mask);  // the label map calls two classes the same
      } else {
        sample.regions.push_back({.name = name, .mask = mask});
        sample.labels.push_back(name);
      }
    }
  }

  fs::path masks_;
  fs::path pictures_;
  ClassNames classes_;
  std::vector<std::optional<size_t>> class_of_;  ///< of each number; none: it is no class
  FileWalk walk_;
};

}  // namespace

std::unique_ptr<DataSet> open_masks(const fs::path& path, const DataOptions& options) {
  return std::make_unique<Masks>(checked_folder(path, "a folder with 'masks', 'images' and 'classes.txt'"), options);
}

}  // namespace legrad::eval::data
