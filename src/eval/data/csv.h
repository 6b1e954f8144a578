#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/read_file.h"

namespace legrad::eval::data {

/// The fields of a line of comma-separated values (RFC 4180): a field in quotes may hold commas, and quotes written
/// twice; no line ends, as a row is a line.
std::vector<std::string> csv_fields(std::string_view line);

/// Where `names` stand in a header line. Throws `InputError`, which names the one that is missing.
std::vector<size_t> csv_columns(std::string_view header, const std::vector<std::string>& names);

/// Lines of a file, one after another, a part of the file in memory.
class LineReader {
 public:
  explicit LineReader(io::OpenFile& file) : file_(file) {}

  struct Line {
    std::string_view text;  ///< without its end; lives until the next call
    uint64_t begin = 0;     ///< in the file
    uint64_t size = 0;      ///< with its end
  };
  /// The next line; none after the last. Throws `InputError` for one of more than 2^20 bytes.
  std::optional<Line> next();

 private:
  io::OpenFile& file_;
  std::string part_;
  uint64_t begin_ = 0;  ///< of the part
  size_t at_ = 0;
};

}  // namespace legrad::eval::data
