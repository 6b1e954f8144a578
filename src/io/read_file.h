#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace legrad::io {

/// An ordinary file of at most `limit` bytes, opened to be read in parts. `what` names it in messages ("picture",
/// "manifest").
class OpenFile {
 public:
  /// Throws `InputError` for a file that is missing, no ordinary file, unreadable or larger.
  OpenFile(const std::filesystem::path& file, uint64_t limit, const char* what);

  uint64_t size() const { return size_; }

  /// `count` bytes from `start` on, which must all be there. Throws `InputError` where they cannot be read.
  std::string read(uint64_t start, uint64_t count);

 private:
  std::string name_;
  uint64_t size_ = 0;
  std::ifstream stream_;
};

/// All bytes of such a file.
std::string read_file(const std::filesystem::path& file, uint64_t limit, const char* what);

}  // namespace legrad::io
