#pragma once

#include <caffe2/serialize/inline_container.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "graph/read/archive_file.h"
#include "graph/read/record_names.h"
#include "graph/read/zip_directory.h"

namespace legrad::graph {

/// An exported model's archive, opened and looked at before anything in it is used: every record's name, place, size
/// and checksum. LibTorch finds the same records at the same places.
class Archive {
 public:
  /// Throws `ModelError` for everything that is no exported model, is damaged, or is refused.
  explicit Archive(const std::filesystem::path& path);

  const std::string& name() const { return name_; }  ///< the file's, in quotation marks, for messages
  ArchiveKind kind() const { return kind_; }

  /// By their names less the folder that all of them lie in.
  const std::map<std::string, ZipEntry>& records() const { return records_; }
  bool has(const std::string& record) const { return records_.count(record) > 0; }

  /// Throw `ModelError` where there is no such record.
  uint64_t size(const std::string& record) const;
  std::string text(const std::string& record) const;
  at::DataPtr bytes(const std::string& record) const;

  /// The opened file, for LibTorch to load from.
  std::shared_ptr<caffe2::serialize::ReadAdapterInterface> file() const { return file_; }

 private:
  void check_same_records();

  std::string name_;
  std::shared_ptr<ArchiveFile> file_;
  std::map<std::string, ZipEntry> records_;
  ArchiveKind kind_ = ArchiveKind::kTorchScript;
  std::unique_ptr<caffe2::serialize::PyTorchStreamReader> reader_;
};

}  // namespace legrad::graph
