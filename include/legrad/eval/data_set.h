#pragma once

#include <legrad/eval/sample.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace legrad::eval {

/// What a data set has beside pictures.
struct Knows {
  bool labels = false;
  bool masks = false;
  bool points = false;
  bool parts = false;  ///< pictures without single parts, for Co-12
};

/// Pictures with what is known of them, one after another, always in the same order. Memory does not grow with what was
/// read.
class DataSet {
 public:
  virtual ~DataSet() = default;
  virtual Knows knows() const = 0;
  /// Its classes, as it calls them, each once.
  virtual const std::vector<std::string>& classes() const = 0;
  /// How many pictures it has, where that is known before they are read.
  virtual std::optional<int64_t> size() const = 0;
  /// The next picture with masks decoded, the picture itself not; none after the last. What is wrong with one picture's
  /// annotations throws `InputError`, which names file and id; the next call goes on behind it.
  virtual std::optional<Sample> next() = 0;
};

struct DataOptions {
  /// A JSON object {"what the data calls a class": "its name"}, as {"n02123045": "tabby"}; empty: names as they are.
  std::filesystem::path label_map = {};
};

/// The layouts that can be read: "coco", "folders", "masks", "openimages", "funnybirds", "scenes".
const std::vector<std::string>& data_formats();

/// Opens a data set. Throws `InputError` for an unknown format (the known ones are listed), and for what is not laid
/// out as the format says: the message names the file that is missing or wrong.
std::unique_ptr<DataSet> open_data_set(const std::filesystem::path& path, const std::string& format,
                                       const DataOptions& options = {});

}  // namespace legrad::eval
