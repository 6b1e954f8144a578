#include "io/read_file.h"

#include <legrad/error.h>

#include <system_error>

namespace legrad::io {

OpenFile::OpenFile(const std::filesystem::path& file, uint64_t limit, const char* what)
    : name_(std::string(what) + " '" + file.string() + "'") {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) {
    throw InputError(
        "cannot read " + name_ + ": " + (status.type() == fs::file_type::not_found ? "no such file" : error.message()),
        Reason::kNotAModel);
  }
  if (!fs::is_regular_file(status)) {  // a pipe or a device might never end
    throw InputError(
        "cannot read " + name_ + ": it is no ordinary file" + (fs::is_directory(status) ? " but a folder" : ""),
        Reason::kNotAModel);
  }
  size_ = fs::file_size(file, error);
  if (error) {
    throw InputError("cannot read " + name_ + ": " + error.message());
  }
  if (size_ > limit) {
    throw InputError(name_ + " has " + std::to_string(size_) + " bytes; at most " + std::to_string(limit) + " are read",
                     Reason::kTooLarge);
  }
  stream_.open(file, std::ios::binary);
}

std::string OpenFile::read(uint64_t start, uint64_t count) {
  std::string bytes(count, '\0');
  stream_.seekg(static_cast<std::streamoff>(start));
  if (!stream_ || !stream_.read(bytes.data(), static_cast<std::streamsize>(count))) {
    throw InputError("cannot read " + name_ + ": permission denied or a read error");
  }
  return bytes;
}

std::string read_file(const std::filesystem::path& file, uint64_t limit, const char* what) {
  OpenFile opened(file, limit, what);
  return opened.read(0, opened.size());
}

}  // namespace legrad::io
