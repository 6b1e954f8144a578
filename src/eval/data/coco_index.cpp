#include "eval/data/coco_index.h"

#include <legrad/error.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "io/json_fields.h"
#include "io/parse_json.h"

namespace legrad::eval::data {
namespace {

using nlohmann::json;

/// A file's bytes, one after another, a part of the file in memory.
class ByteStream {
 public:
  explicit ByteStream(io::OpenFile& file) : file_(file) {}

  /// How many bytes were taken.
  uint64_t taken() const { return begin_ + at_; }
  bool at_end() const { return taken() == file_.size(); }
  void take() { ++at_; }
  char byte() {
    if (at_ == part_.size()) {
      constexpr uint64_t kPart = uint64_t{1} << 16;
      begin_ += at_;
      at_ = 0;
      part_ = file_.read(begin_, std::min(kPart, file_.size() - begin_));
    }
    return part_[at_];
  }

 private:
  io::OpenFile& file_;
  std::string part_;
  uint64_t begin_ = 0;  ///< of the part
  size_t at_ = 0;
};

/// The stream as the parser wants it. Copies share the stream, so that it tells how far the parser got: to the last
/// byte of what it speaks of, as the brackets of JSON end by themselves.
class ByteIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit ByteIterator(ByteStream* stream = nullptr) : stream_(stream) {}
  char operator*() const { return stream_->byte(); }
  ByteIterator& operator++() {
    stream_->take();
    return *this;
  }
  ByteIterator operator++(int) {
    stream_->take();
    return *this;
  }
  bool operator==(const ByteIterator& other) const { return done() == other.done(); }

 private:
  bool done() const { return stream_ == nullptr || stream_->at_end(); }
  ByteStream* stream_;
};

/// What the file says of an entry of one of its lists.
struct Entry {
  std::optional<int64_t> id = {};
  std::optional<int64_t> image = {};
  std::optional<int64_t> category = {};
  std::optional<std::string> name = {};
  ByteRange place;
};

/// Hears what the parser reads: {"images": [{...}, ...], "annotations": [...], "categories": [...], ...}.
class Indexer : public nlohmann::json_sax<json> {
 public:
  explicit Indexer(const ByteStream& stream) : stream_(stream) {}

  CocoIndex index;
  std::vector<std::pair<int64_t, int64_t>> rows;  ///< ids of pictures, and their rows
  bool has_images = false;
  bool has_categories = false;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(json::number_integer_t number) override { return integer(number); }
  bool number_unsigned(json::number_unsigned_t number) override {
    constexpr auto kMost = static_cast<json::number_unsigned_t>(std::numeric_limits<int64_t>::max());
    return number <= kMost ? integer(static_cast<int64_t>(number)) : value();
  }
  bool number_float(json::number_float_t, const std::string&) override { return value(); }
  bool string(std::string& text) override {
    if (depth_ == kEntry && in_list_ && field_ == "name") entry_.name = text;
    return value();
  }
  bool binary(json::binary_t&) override { return value(); }

  bool key(std::string& name) override {
    if (depth_ == kDocument) section_ = name;
    if (depth_ == kEntry) field_ = name;
    return true;
  }

  bool start_object(size_t) override {
    if (depth_ == kList && in_list_) {
      entry_ = Entry{.place = {.begin = stream_.taken() - 1}};
      field_.clear();
    } else if (depth_ > 0) {
      value();
    }
    ++depth_;
    return true;
  }

  bool end_object() override {
    --depth_;
    if (depth_ == kList && in_list_) {
      entry_.place.size = stream_.taken() - entry_.place.begin;
      add(entry_);
    }
    return true;
  }

  bool start_array(size_t) override {
    if (depth_ == kDocument && is_known()) {
      in_list_ = true;
      has_images = has_images || section_ == "images";
      has_categories = has_categories || section_ == "categories";
    } else {
      value();
    }
    ++depth_;
    return true;
  }

  bool end_array() override {
    --depth_;
    if (depth_ == kDocument) in_list_ = false;
    return true;
  }

  bool parse_error(size_t byte, const std::string&, const json::exception& error) override {
    constexpr int kOutOfRange = 406;
    throw InputError(error.id == kOutOfRange ? "it holds a number that is out of range"
                                             : "it is no valid JSON at byte " + std::to_string(byte));
  }

 private:
  // How many brackets are open inside of ...
  static constexpr int kDocument = 1;
  static constexpr int kList = 2;
  static constexpr int kEntry = 3;

  bool is_known() const { return section_ == "images" || section_ == "annotations" || section_ == "categories"; }

  /// A value that is not looked at, which must not stand where a list or an entry does.
  bool value() const {
    if (depth_ == 0) throw InputError("it must be a JSON object, {...}");
    if ((depth_ == kDocument && is_known()) || (depth_ == kList && in_list_)) {
      throw InputError("field '" + section_ + "' must be a list of JSON objects, [{...}]");
    }
    return true;
  }

  bool integer(int64_t number) {
    if (depth_ == kEntry && in_list_) {
      if (field_ == "id") entry_.id = number;
      if (field_ == "image_id") entry_.image = number;
      if (field_ == "category_id") entry_.category = number;
    }
    return value();
  }

  template <class T>
  T needed(const std::optional<T>& found, const char* field, const char* kind) const {
    if (found) return *found;
    const std::string entry =
        entry_.id ? " of id " + std::to_string(*entry_.id) : " at byte " + std::to_string(entry_.place.begin);
    throw InputError("field '" + std::string(field) + "' of the entry" + entry + " of '" + section_ + "' must be " +
                     kind);
  }

  void add(const Entry& entry) {
    constexpr const char* kInteger = "an integer";
    const int64_t id = needed(entry.id, "id", kInteger);
    if (section_ == "images") {
      rows.emplace_back(id, static_cast<int64_t>(index.pictures.size()));
      index.pictures.push_back(entry.place);
    } else if (section_ == "annotations") {
      // The picture's id, until all rows are known.
      index.annotations.push_back({.picture = needed(entry.image, "image_id", kInteger),
                                   .category = needed(entry.category, "category_id", kInteger),
                                   .place = entry.place});
    } else {
      index.categories.push_back({.id = id, .name = needed(entry.name, "name", "a string")});
    }
  }

  const ByteStream& stream_;
  int depth_ = 0;
  bool in_list_ = false;  ///< in one of the lists that are looked at
  std::string section_;
  std::string field_;
  Entry entry_;
};

void refuse_twins(const std::vector<std::pair<int64_t, int64_t>>& sorted, const char* list) {
  const auto twin = std::ranges::adjacent_find(sorted, {}, [](const auto& row) { return row.first; });
  if (twin != sorted.end()) {
    throw InputError("id " + std::to_string(twin->first) + " is there twice in '" + list + "'");
  }
}

/// The annotation's own id, which the index does not keep.
std::string id_of(const CocoIndex::Annotation& annotation, io::OpenFile& file) {
  const json entry = io::parse_json(file.read(annotation.place.begin, annotation.place.size));
  return std::to_string(io::JsonFields(entry, "").integer("id"));
}

}  // namespace

CocoIndex index_coco(io::OpenFile& file) {
  ByteStream stream(file);
  Indexer indexer(stream);
  json::sax_parse(ByteIterator(&stream), ByteIterator(), &indexer);
  if (!indexer.has_images || !indexer.has_categories) {
    throw InputError(std::string("it has no list '") + (indexer.has_images ? "categories" : "images") +
                     "'; it should be COCO's JSON, {\"images\": [], \"annotations\": [], \"categories\": []}");
  }
  CocoIndex index = std::move(indexer.index);
  std::vector<std::pair<int64_t, int64_t>> rows = std::move(indexer.rows);
  std::ranges::sort(rows);
  refuse_twins(rows, "images");
  std::vector<std::pair<int64_t, int64_t>> categories;
  for (const CocoIndex::Category& category : index.categories) categories.emplace_back(category.id, 0);
  std::ranges::sort(categories);
  refuse_twins(categories, "categories");

  for (CocoIndex::Annotation& annotation : index.annotations) {
    const auto row = std::ranges::lower_bound(rows, std::pair(annotation.picture, int64_t{0}));
    if (row == rows.end() || row->first != annotation.picture) {
      throw InputError("annotation " + id_of(annotation, file) + " is of picture " +
                       std::to_string(annotation.picture) + ", which is not in 'images'");
    }
    annotation.picture = row->second;
  }
  std::ranges::sort(index.annotations, {},
                    [](const auto& annotation) { return std::pair(annotation.picture, annotation.place.begin); });
  return index;
}

}  // namespace legrad::eval::data
