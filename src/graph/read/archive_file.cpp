#include "graph/read/archive_file.h"

#include <fcntl.h>
#include <legrad/error.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace legrad::graph {

ArchiveFile::ArchiveFile(const std::filesystem::path& path) {
  const auto name = "\"" + path.string() + "\"";
  // A pipe must not keep us waiting for somebody who writes into it.
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    throw ModelError(errno == ENOENT ? "no model file " + name : "cannot read " + name, Reason::kNotAModel);
  }
  struct stat status = {};
  if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor_);
    throw ModelError(name + " is no file" + (S_ISDIR(status.st_mode) ? " but a folder" : "") +
                         "; expected a TorchScript or torch.export archive",
                     Reason::kNotAModel);
  }
  size_ = static_cast<size_t>(status.st_size);
}

ArchiveFile::~ArchiveFile() { close(descriptor_); }

size_t ArchiveFile::read(uint64_t position, void* buffer, size_t count, const char* /*what*/) const {
  if (position >= size_) return 0;
  count = std::min(count, size_ - static_cast<size_t>(position));
  size_t done = 0;
  while (done < count) {
    const auto got =
        pread(descriptor_, static_cast<char*>(buffer) + done, count - done, static_cast<off_t>(position + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace legrad::graph
