#pragma once

#include <legrad/error.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace legrad::fuzz {

/// Reads an input. It may be refused, but with a reason in one line, and by nothing but our own exceptions.
template <class Read>
void refused_or_read(const Read& read) {
  try {
    read();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    for (const char letter : message) {
      if (static_cast<unsigned char>(letter) < ' ' || letter == 127) throw std::logic_error("a message of two lines");
    }
    if (message.empty()) throw std::logic_error("a message that says nothing");
  }
}

/// A file that lies in memory alone.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : descriptor_(memfd_create("input", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("no file in memory");
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace legrad::fuzz
