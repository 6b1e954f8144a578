#pragma once

#include <caffe2/serialize/read_adapter_interface.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace legrad::graph {

/// A file that was opened once: whoever looks at it, LibTorch included, reads the bytes that were looked at before, and
/// not what its name may lead to by then.
class ArchiveFile final : public caffe2::serialize::ReadAdapterInterface {
 public:
  /// Throws `ModelError` where there is no ordinary file that can be read.
  explicit ArchiveFile(const std::filesystem::path& path);
  ArchiveFile(const ArchiveFile&) = delete;
  ArchiveFile& operator=(const ArchiveFile&) = delete;
  ~ArchiveFile() override;

  size_t size() const override { return size_; }
  size_t read(uint64_t position, void* buffer, size_t count, const char* what = "") const override;

 private:
  int descriptor_ = -1;
  size_t size_ = 0;
};

}  // namespace legrad::graph
