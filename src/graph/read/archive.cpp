#include "graph/read/archive.h"

#include <legrad/error.h>

#include <vector>

#include "graph/ir/ir.h"
#include "io/foreign_model.h"

namespace legrad::graph {
namespace {

constexpr uint64_t kMostUnpacked = uint64_t{1} << 26;  // only code and its debug records are compressed

// Every record lies in one folder, whose name says nothing.
std::map<std::string, ZipEntry> in_folder(std::vector<ZipEntry> entries) {
  std::map<std::string, ZipEntry> records;
  std::string folder;
  for (auto& entry : entries) {
    if (folder.empty()) folder = entry.name.substr(0, entry.name.find('/') + 1);
    if (folder.empty() || !entry.name.starts_with(folder)) {
      throw ModelError("is no TorchScript or torch.export archive: its records lie in no folder of their own",
                       Reason::kNotAModel);
    }
    auto name = entry.name.substr(folder.size());
    if (!records.emplace(name, std::move(entry)).second) {
      throw ModelError("holds two records called \"" + name + "\"; it is refused", Reason::kNotAllowed);
    }
  }
  return records;
}

void check_sizes(const std::vector<ZipEntry>& entries) {
  uint64_t unpacked = 0;
  for (const auto& entry : entries) {
    if (entry.compressed) unpacked += std::min(entry.size, kMostUnpacked + 1);
    if (unpacked > kMostUnpacked) {
      throw ModelError("would unpack to more than " + std::to_string(kMostUnpacked >> 20) + " MiB", Reason::kTooLarge);
    }
  }
}

void check_is_model(const std::vector<ZipEntry>& entries) {
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const auto& entry : entries) names.push_back(entry.name);
  if (const auto foreign = io::foreign_archive(names); !foreign.empty()) {
    throw ModelError("is no exported model: " + foreign, Reason::kNotAModel);
  }
}

}  // namespace

Archive::Archive(const std::filesystem::path& path)
    : name_("\"" + path.string() + "\""), file_(std::make_shared<ArchiveFile>(path)) {
  try {
    auto entries = read_zip_directory(*file_);
    check_sizes(entries);
    check_is_model(entries);
    records_ = in_folder(std::move(entries));
    std::vector<std::string> names;
    for (const auto& [name, entry] : records_) names.push_back(name);
    kind_ = check_record_names(names);
    for (const auto& [name, entry] : records_) check_contents(*file_, entry);
    reader_ = std::make_unique<caffe2::serialize::PyTorchStreamReader>(file_);
    check_same_records();
  } catch (const Error& error) {
    throw ModelError(name_ + " " + error.what(), error.reason());
  } catch (const std::exception& error) {
    throw ModelError("cannot load " + name_ + ": " + first_line(error), Reason::kDamaged);
  }
}

// Two readers of one zip may see different archives in it; what was looked at must be what is loaded.
void Archive::check_same_records() {
  bool same = reader_->getAllRecords().size() == records_.size();
  for (const auto& [name, entry] : records_) {
    same = same && reader_->getRecordSize(name) == entry.size && reader_->getRecordOffset(name) == entry.data;
  }
  if (!same) throw ModelError("is damaged (its directory can be read in two ways); export it again", Reason::kDamaged);
}

uint64_t Archive::size(const std::string& record) const {
  const auto found = records_.find(record);
  if (found == records_.end()) throw ModelError("record " + record + " is missing", Reason::kDamaged);
  return found->second.size;
}

std::string Archive::text(const std::string& record) const {
  std::string text(size(record), '\0');
  reader_->getRecord(record, text.data(), text.size());
  return text;
}

at::DataPtr Archive::bytes(const std::string& record) const {
  size(record);
  return std::get<0>(reader_->getRecord(record));
}

}  // namespace legrad::graph
