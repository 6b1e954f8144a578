// One folder for each class, as ImageNet and torchvision's ImageFolder have it:
//
//   PATH/n02123045/ILSVRC2012_val_00000014.JPEG
//
// A class is called as its folder, or as the label map says. Pictures come by class and then by file, in the order of
// bytes; those in folders of a class's folder belong to the class; other files are passed over. Kept in memory: the
// names of the classes, and of the files of the folder that is being read.
#include <legrad/error.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/data/class_names.h"
#include "eval/data/file_walk.h"
#include "eval/data/formats.h"
#include "eval/data/paths.h"

namespace legrad::eval::data {
namespace {

namespace fs = std::filesystem;

class Folders : public DataSet {
 public:
  Folders(fs::path path, const DataOptions& options)
      : path_(std::move(path)), folders_(list(path_).folders), classes_(options.label_map) {
    if (folders_.empty()) {
      throw InputError("'" + path_.string() + "' holds no folder; each class should have one, with its pictures in it");
    }
    for (const std::string& folder : folders_) class_of_.push_back(classes_.add(folder));
  }

  Knows knows() const override { return {.labels = true}; }
  const std::vector<std::string>& classes() const override { return classes_.all(); }
  std::optional<int64_t> size() const override { return std::nullopt; }

  std::optional<Sample> next() override {
    while (walk_ || at_ < folders_.size()) {
      if (!walk_) walk_.emplace(path_ / folders_[at_++]);
      while (const std::optional<fs::path> file = walk_->next()) {
        if (!has_picture_ending(*file)) continue;
        return Sample{.id = file->lexically_relative(path_).generic_string(),
                      .picture = *file,
                      .labels = {classes_.all()[class_of_[at_ - 1]]},
                      .regions = {}};
      }
      walk_.reset();
    }
    return std::nullopt;
  }

 private:
  fs::path path_;
  std::vector<std::string> folders_;
  ClassNames classes_;
  std::vector<size_t> class_of_;  ///< of each folder
  size_t at_ = 0;                 ///< the folder behind the one that is walked
  std::optional<FileWalk> walk_;
};

}  // namespace

std::unique_ptr<DataSet> open_folders(const fs::path& path, const DataOptions& options) {
  return std::make_unique<Folders>(checked_folder(path, "a folder with one folder for each class"), options);
}

}  // namespace legrad::eval::data
