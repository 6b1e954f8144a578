#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

namespace legrad::eval::data {

/// A data set's classes, each name once, in the order in which they are added.
class ClassNames {
 public:
  /// `label_map` is a JSON object {"what the data calls a class": "its name"}; empty: names stay as they are. Throws
  /// `InputError` for a file that is none.
  explicit ClassNames(const std::filesystem::path& label_map);

  /// Which class `name`, by the label map, is; a new one goes to the end.
  size_t add(const std::string& name);

  const std::vector<std::string>& all() const { return names_; }

 private:
  std::unordered_map<std::string, std::string> label_map_;
  std::unordered_map<std::string, size_t> index_;
  std::vector<std::string> names_;
};

}  // namespace legrad::eval::data
