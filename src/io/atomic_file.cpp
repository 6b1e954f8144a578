#include "io/atomic_file.h"

#include <legrad/error.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <string>
#include <system_error>
#include <utility>

namespace legrad::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, const std::error_code& reason) {
  throw InputError("cannot write '" + file.string() + "': " + reason.message() +
                   "; choose a folder that exists and may be written to");
}

std::error_code last_error() { return {errno, std::generic_category()}; }

/// A new file that nobody else has, in `folder`; removed again unless it was renamed.
class Temporary {
 public:
  explicit Temporary(const fs::path& file) : file_(file) {
    std::random_device random;
    do {
      // A name of its own, not the file's with a suffix: that one may already be as long as names can be.
      path_ = file.parent_path() / (".legrad-" + std::to_string(random()) + ".tmp");
      stream_ = std::fopen(path_.c_str(), "wbx");
    } while (stream_ == nullptr && errno == EEXIST);
    if (stream_ == nullptr) {
      fail(file_, last_error());
    }
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  ~Temporary() {
    if (stream_ != nullptr) {
      std::fclose(stream_);
    }
    if (!renamed_) {
      std::error_code ignored;
      fs::remove(path_, ignored);
    }
  }

  void write(std::string_view bytes) {
    // What is empty, as a tensor without elements, need not have an address.
    if (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), stream_) != bytes.size()) {
      fail(file_, last_error());
    }
  }

  void rename() {
    if (std::fclose(std::exchange(stream_, nullptr)) != 0) {  // a full disk may show only here
      fail(file_, last_error());
    }
    std::error_code error;
    fs::rename(path_, file_, error);
    if (error) {
      fail(file_, error);
    }
    renamed_ = true;
  }

 private:
  fs::path file_;
  fs::path path_;
  std::FILE* stream_ = nullptr;
  bool renamed_ = false;
};

}  // namespace

void write_atomically(const fs::path& file, std::initializer_list<std::string_view> parts) {
  if (!file.has_filename()) {
    fail(file, std::make_error_code(std::errc::is_a_directory));
  }
  Temporary temporary(file);
  for (const std::string_view part : parts) {
    temporary.write(part);
  }
  temporary.rename();
}

}  // namespace legrad::io
