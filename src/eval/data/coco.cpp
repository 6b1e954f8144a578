// Masks as COCO has them: a folder with instances.json beside its pictures, or that file itself. Polygons, run lengths
// and run lengths as text are read; a class's mask is the union of its objects, crowds too, and the classes that have
// an object are those that are right for the picture.
//
// The file is read once to find where what stands (`CocoIndex`: 16 bytes a picture, 32 an annotation), and a picture's
// part of it again when the picture's turn comes.
#include <ATen/ops/zeros.h>
#include <legrad/error.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "eval/data/class_names.h"
#include "eval/data/coco_index.h"
#include "eval/data/coco_mask.h"
#include "eval/data/formats.h"
#include "eval/data/json_file.h"
#include "eval/data/paths.h"
#include "io/json_fields.h"
#include "io/parse_json.h"
#include "io/read_file.h"

namespace legrad::eval::data {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMaxAnnotations = uint64_t{1} << 36;
constexpr uint64_t kMaxEntry = uint64_t{1} << 26;
constexpr int64_t kMaxSide = int64_t{1} << 20;
constexpr int64_t kMaxPixelsSaid = int64_t{1} << 27;  // as in pictures

std::string id_of(const json& entry) { return std::to_string(io::JsonFields(entry, "").integer("id")); }

class Coco : public DataSet {
 public:
  Coco(fs::path json_file, const DataOptions& options)
      : json_file_(std::move(json_file)),
        file_(json_file_, kMaxAnnotations, "annotations"),
        classes_(options.label_map) {
    index_ = told_with(where(), [&] { return index_coco(file_); });
    for (const CocoIndex::Category& category : index_.categories) {
      class_of_[category.id] = classes_.add(category.name);
    }
  }

  Knows knows() const override { return {.labels = annotated(), .masks = annotated()}; }
  const std::vector<std::string>& classes() const override { return classes_.all(); }
  std::optional<int64_t> size() const override { return static_cast<int64_t>(index_.pictures.size()); }

  std::optional<Sample> next() override {
    if (picture_ == index_.pictures.size()) return std::nullopt;
    // Before anything is read: what is wrong with this picture is behind the next call.
    const size_t picture = picture_++;
    const size_t first = annotation_;
    while (annotation_ < index_.annotations.size() &&
           index_.annotations[annotation_].picture == static_cast<int64_t>(picture)) {
      ++annotation_;
    }
    return sample(index_.pictures[picture], std::span(index_.annotations).subspan(first, annotation_ - first));
  }

 private:
  bool annotated() const { return !index_.annotations.empty(); }
  std::string where() const { return "annotations '" + json_file_.string() + "'"; }

  json entry(ByteRange place) {
    if (place.size > kMaxEntry) throw InputError("it has " + std::to_string(place.size) + " bytes, too many");
    return io::parse_json(file_.read(place.begin, place.size));
  }

  Sample sample(ByteRange place, std::span<const CocoIndex::Annotation> annotations) {
    const json image = told_with(where(), [&] { return entry(place); });
    const std::string id = told_with(where(), [&] { return id_of(image); });
    return told_with(where() + ", picture " + id, [&] {
      const io::JsonFields fields(image, "");
      Sample sample{.id = fields.string("file_name"), .picture = {}, .labels = {}, .regions = {}};
      sample.picture = path_in(json_file_.parent_path(), sample.id);
      const ImageSize size = {fields.integer("height"), fields.integer("width")};
      if (std::min(size.height, size.width) < 1 || std::max(size.height, size.width) > kMaxSide ||
          size.height * size.width > kMaxPixelsSaid) {
        throw InputError("fields 'height' and 'width' are of no picture that can be read");
      }
      check_size(sample.picture, size);
      for (const CocoIndex::Annotation& annotation : annotations) add(annotation, size, sample);
      for (Region& region : sample.regions) {
        region.mask = region.mask.t().contiguous();
        sample.labels.push_back(region.name);
      }
      return sample;
    });
  }

  void add(const CocoIndex::Annotation& annotation, ImageSize size, Sample& sample) {
    const json read = entry(annotation.place);
    told_with("annotation " + id_of(read), [&] {
      const auto known = class_of_.find(annotation.category);
      if (known == class_of_.end()) {
        throw InputError("category " + std::to_string(annotation.category) + " is not in 'categories'");
      }
      const std::string& name = classes_.all()[known->second];
      auto region = std::ranges::find(sample.regions, name, &Region::name);
      if (region == sample.regions.end()) {
        // [W, H] until all is added: COCO counts down the columns.
        sample.regions.push_back({.name = name, .mask = at::zeros({size.width, size.height}, at::kBool)});
        region = std::prev(sample.regions.end());
      }
      add_segmentation(read.value("segmentation", json()), region->mask);
    });
  }

  fs::path json_file_;
  io::OpenFile file_;
  ClassNames classes_;
  CocoIndex index_;
  std::unordered_map<int64_t, size_t> class_of_;  ///< of a category's id
  size_t picture_ = 0;                            ///< that comes next, and its first annotation
  size_t annotation_ = 0;
};

}  // namespace

std::unique_ptr<DataSet> open_coco(const fs::path& path, const DataOptions& options) {
  std::error_code ignored;
  return std::make_unique<Coco>(fs::is_directory(path, ignored) ? path / "instances.json" : path, options);
}

}  // namespace legrad::eval::data
