#pragma once

#include <legrad/eval/evaluation.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

namespace legrad::eval {

/// What was counted in each picture, on disk: the settings in the first line, then a line a picture.
class PictureLog {
 public:
  /// Begins `file`, or with `resume` goes on behind its last whole line. Throws `InputError` where it is there and
  /// `resume` is not set, was written with other settings, cannot be
  /// written, or another process writes it.
  PictureLog(const std::filesystem::path& file, const std::string& settings, bool resume);

  /// How many pictures it holds.
  int64_t size() const { return size_; }

  /// Writes one down; it is on its way to the disk when this returns.
  void add(const Counted& counted);

 private:
  void lock();
  void go_on(const std::string& settings);

  std::filesystem::path file_;
  std::ofstream stream_;
  std::shared_ptr<void> locked_;  ///< until it goes
  int64_t size_ = 0;
};

/// Reads a log: its settings, then every picture. Throws `InputError` for what is none.
void read_picture_log(const std::filesystem::path& file, const std::function<void(const std::string& settings)>& begin,
                      const std::function<void(const Counted&)>& use);

}  // namespace legrad::eval
