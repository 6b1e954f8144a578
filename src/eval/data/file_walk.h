#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace legrad::eval::data {

/// Files of a folder and of those in it, one after another: a folder's own by name, then those of its folders, by name
/// too. Holds the names of the folders it stands in, never those of all files. Links to folders are followed, up to 16
/// folders deep: a link may lead in a circle.
class FileWalk {
 public:
  explicit FileWalk(const std::filesystem::path& folder);

  /// The next file; none after the last. Throws `InputError` where a folder cannot be listed.
  std::optional<std::filesystem::path> next();

 private:
  /// What is left of a folder, last first.
  struct Level {
    std::filesystem::path path;
    std::vector<std::string> folders;
    std::vector<std::string> files;
  };
  void enter(const std::filesystem::path& folder);

  std::vector<Level> levels_;
};

}  // namespace legrad::eval::data
