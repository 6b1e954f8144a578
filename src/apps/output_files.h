#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace legrad::apps {

/// Names of the files that a run writes into one folder: no two are the same, and none is a file that the run reads.
class OutputFiles {
 public:
  /// Throws `InputError` if `folder` cannot become a folder that may be written to. Makes nothing yet.
  OutputFiles(std::filesystem::path folder, const std::vector<std::string>& inputs);

  /// A stem for what comes from `picture`: its own, or with a number where another picture has it.
  std::string stem(const std::filesystem::path& picture);

  /// "<stem>-<label>.png", the label in plain letters.
  std::filesystem::path overlay(const std::string& stem, const std::string& label);

  /// `name` in the folder.
  std::filesystem::path file(const std::string& name);

  /// Makes the folder. Throws `InputError` if it cannot.
  void make_folder() const;

 private:
  bool take(const std::string& name, std::set<std::string>& taken);

  std::filesystem::path folder_;
  std::set<std::string> stems_;
  std::set<std::string> names_;
  std::vector<std::string> inputs_;
};

}  // namespace legrad::apps
