#include "io/read_file.h"

#include <legrad/error.h>

#include <fstream>
#include <system_error>

namespace legrad::io {
namespace {

std::string named(const char* what, const std::filesystem::path& file) {
  return std::string(what) + " '" + file.string() + "'";
}

}  // namespace

std::string read_file(const std::filesystem::path& file, uint64_t limit, const char* what) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) {
    throw InputError("cannot read " + named(what, file) + ": " +
                     (status.type() == fs::file_type::not_found ? "no such file" : error.message()));
  }
  if (!fs::is_regular_file(status)) {  // a pipe or a device might never end
    throw InputError("cannot read " + named(what, file) + ": it is no ordinary file" +
                     (fs::is_directory(status) ? " but a folder" : ""));
  }
  const uint64_t size = fs::file_size(file, error);
  if (error) {
    throw InputError("cannot read " + named(what, file) + ": " + error.message());
  }
  if (size > limit) {
    throw InputError(named(what, file) + " has " + std::to_string(size) + " bytes; at most " + std::to_string(limit) +
                     " are read");
  }
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(size, '\0');
  if (!stream || !stream.read(bytes.data(), static_cast<std::streamsize>(size))) {
    throw InputError("cannot read " + named(what, file) + ": permission denied or a read error");
  }
  return bytes;
}

}  // namespace legrad::io
