// Points that people judged, as Open Images V7 has them (Benenson and Ferrari 2022, arXiv 2210.14142):
//
//   PATH/images/000026e7ee790996.jpg
//   PATH/oidv7-val-annotations-point-labels.csv    ImageId,X,Y,Label,EstimatedYesNo,...: any ...point-labels.csv
//   PATH/oidv7-class-descriptions.csv              LabelName,DisplayName: any ...class-descriptions.csv
//
// Columns are found by their names. X and Y are fractions of the picture's width and height; EstimatedYesNo is whether
// the place is of the class: yes, no, or unsure, which says nothing and is left out. A class is called by its
// DisplayName; the classes of a data set are those that its pictures are asked about, and those that are right for a
// picture those with a yes in it. Only pictures that are in images/ come, by their number: most people keep a part of
// them. Kept in memory: 8 bytes for each of those, 24 for each run of their rows in the file, and the classes' names.
#include <legrad/error.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "eval/data/class_names.h"
#include "eval/data/csv.h"
#include "eval/data/formats.h"
#include "eval/data/json_file.h"
#include "eval/data/paths.h"
#include "io/read_file.h"
#include "io/words.h"

namespace legrad::eval::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTable = uint64_t{1} << 36;

/// The one file in a folder that ends in `ending`.
fs::path file_ending_in(const fs::path& folder, const std::string& ending) {
  std::vector<std::string> found;
  for (const std::string& file : list(folder).files) {
    if (file.ends_with(ending)) found.push_back(file);
  }
  if (found.size() != 1) {
    throw InputError("'" + folder.string() + "' must hold one file '..." + ending + "', and holds " +
                     std::to_string(found.size()));
  }
  return folder / found.front();
}

/// The number that a picture's name is: 16 hexadecimal digits in lower case.
std::optional<uint64_t> number_of(std::string_view id) {
  constexpr size_t kDigits = 16;
  constexpr int kBase = 16;
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (id.size() != kDigits || !std::ranges::all_of(id, is_digit)) return std::nullopt;
  uint64_t number = 0;
  std::from_chars(id.data(), id.data() + id.size(), number, kBase);
  return number;
}

std::string id_of(uint64_t number) {
  std::string id(16, '0');
  for (size_t i = id.size(); i-- > 0; number >>= 4U) id[i] = "0123456789abcdef"[number & 15U];
  return id;
}

/// Rows of one picture that follow each other in the file.
struct Run {
  uint64_t picture = 0;
  uint64_t begin = 0;
  uint64_t size = 0;
};

class OpenImages : public DataSet {
 public:
  OpenImages(const fs::path& path, const DataOptions& options)
      : images_(checked_folder(path / "images", "the folder of all pictures")),
        points_file_(file_ending_in(path, "point-labels.csv")),
        points_(points_file_, kMaxTable, "point labels"),
        classes_(options.label_map) {
    const std::unordered_set<std::string> labels = told_with(where(), [&] { return index(); });
    if (runs_.empty()) {
      throw InputError(where() + " have nothing to say of the pictures in '" + images_.string() + "'");
    }
    const fs::path descriptions = file_ending_in(path, "class-descriptions.csv");
    told_with("class descriptions '" + descriptions.string() + "'", [&] { read_names(descriptions, labels); });
  }

  Knows knows() const override { return {.labels = true, .points = true}; }
  const std::vector<std::string>& classes() const override { return classes_.all(); }
  std::optional<int64_t> size() const override { return pictures_; }

  std::optional<Sample> next() override {
    if (at_ == runs_.size()) return std::nullopt;
    const size_t first = at_;
    while (at_ < runs_.size() && runs_[at_].picture == runs_[first].picture) ++at_;
    const std::string id = id_of(runs_[first].picture);
    Sample sample{.id = "images/" + id + ".jpg", .picture = images_ / (id + ".jpg"), .labels = {}, .regions = {}};
    told_with(where() + ", picture " + id, [&] {
      for (size_t run = first; run < at_; ++run) read_run(runs_[run], sample);
    });
    for (const Region& region : sample.regions) {
      if (!region.yes.empty()) sample.labels.push_back(region.name);
    }
    return sample;
  }

 private:
  enum Column { kImage, kX, kY, kLabel, kAnswer };

  std::string where() const { return "point labels '" + points_file_.string() + "'"; }

  /// A row's fields in the order of `Column`.
  std::vector<std::string> row(std::string_view line) const {
    const std::vector<std::string> fields = csv_fields(line);
    std::vector<std::string> picked;
    for (const size_t column : columns_) {
      if (column >= fields.size())
        throw InputError("the row '" + io::one_line(std::string(line)) + "' has only " + std::to_string(fields.size()) +
                         " fields");
      picked.push_back(fields[column]);
    }
    return picked;
  }

  /// Finds the rows of the pictures that are here. Returns the labels in them.
  std::unordered_set<std::string> index() {
    std::vector<uint64_t> here;
    for (const fs::path file : list(images_).files) {
      const std::optional<uint64_t> number = number_of(file.stem().string());
      if (number && file.extension() == ".jpg") here.push_back(*number);
    }
    std::ranges::sort(here);

    std::unordered_set<std::string> labels;
    LineReader lines(points_);
    const auto header = lines.next();
    columns_ = csv_columns(header ? header->text : "", {"ImageId", "X", "Y", "Label", "EstimatedYesNo"});
    while (const auto line = lines.next()) {
      if (line->text.empty()) continue;
      const std::vector<std::string> fields = row(line->text);
      const std::optional<uint64_t> picture = number_of(fields[kImage]);
      if (!picture) {
        throw InputError("the row at byte " + std::to_string(line->begin) + " has the ImageId '" +
                         io::one_line(fields[kImage]) + "', which should be 16 hexadecimal digits");
      }
      if (!std::ranges::binary_search(here, *picture)) continue;
      if (fields[kAnswer] != "unsure") labels.insert(fields[kLabel]);
      const bool goes_on =
          !runs_.empty() && runs_.back().picture == *picture && runs_.back().begin + runs_.back().size == line->begin;
      if (goes_on) {
        runs_.back().size += line->size;
      } else {
        runs_.push_back({*picture, line->begin, line->size});
      }
    }
    std::ranges::sort(runs_, {}, [](const Run& run) { return std::pair(run.picture, run.begin); });
    for (size_t i = 0; i < runs_.size(); ++i) pictures_ += i == 0 || runs_[i].picture != runs_[i - 1].picture;
    return labels;
  }

  void read_names(const fs::path& descriptions, const std::unordered_set<std::string>& labels) {
    io::OpenFile file(descriptions, kMaxTable, "class descriptions");
    LineReader lines(file);
    const auto header = lines.next();
    const std::vector<size_t> columns = csv_columns(header ? header->text : "", {"LabelName", "DisplayName"});
    while (const auto line = lines.next()) {
      const std::vector<std::string> fields = csv_fields(line->text);
      if (fields.size() <= std::ranges::max(columns)) continue;
      const std::string& label = fields[columns[0]];
      if (labels.contains(label)) class_of_[label] = classes_.add(fields[columns[1]]);
    }
  }

  void read_run(const Run& run, Sample& sample) {
    const std::string text = points_.read(run.begin, run.size);
    for (std::string_view rest = text; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size() - 1);
      std::string_view line = rest.substr(0, end + 1);
      rest.remove_prefix(end + 1);
      while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
      if (!line.empty()) add(row(line), sample);
    }
  }

  void add(const std::vector<std::string>& fields, Sample& sample) {
    const std::string& answer = fields[kAnswer];
    if (answer == "unsure") return;
    const std::string shown = "a point of '" + io::one_line(fields[kLabel]) + "' ";
    if (answer != "yes" && answer != "no") {
      throw InputError(shown + "has the answer '" + io::one_line(answer) + "', none of yes, no, unsure");
    }
    const auto known = class_of_.find(fields[kLabel]);
    if (known == class_of_.end()) throw InputError(shown + "is of a class without a description");
    const std::optional<double> x = io::number<double>(fields[kX]);
    const std::optional<double> y = io::number<double>(fields[kY]);
    const auto fits = [](const std::optional<double>& at) { return at && *at >= 0 && *at <= 1; };
    if (!fits(x) || !fits(y)) {
      throw InputError(shown + "is at (" + io::one_line(fields[kX]) + ", " + io::one_line(fields[kY]) +
                       "), which is not in the picture, from 0 to 1");
    }
    const std::string& name = classes_.all()[known->second];
    auto region = std::ranges::find(sample.regions, name, &Region::name);
    if (region == sample.regions.end()) region = sample.regions.insert(region, Region{.name = name});
    (answer == "yes" ? region->yes : region->no).push_back({*x, *y});
  }

  fs::path images_;
  fs::path points_file_;
  io::OpenFile points_;
  ClassNames classes_;
  std::unordered_map<std::string, size_t> class_of_;  ///< of a label's MID
  std::vector<size_t> columns_;                       ///< where a row has what `Column` names
  std::vector<Run> runs_;                             ///< by picture, then by place in the file
  int64_t pictures_ = 0;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<DataSet> open_openimages(const fs::path& path, const DataOptions& options) {
  return std::make_unique<OpenImages>(checked_folder(path, "a folder with 'images' and the CSV files"), options);
}

}  // namespace legrad::eval::data
