#pragma once

#include <caffe2/serialize/inline_container.h>

#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include "support/zip_writer.h"

namespace legrad::testing {

/// An archive as its records, to be changed and written again with checksums that fit.
class Records {
 public:
  explicit Records(const std::filesystem::path& file) {
    caffe2::serialize::PyTorchStreamReader reader(file.string());
    for (const auto& name : reader.getAllRecords()) {
      if (name == ".data/serialization_id") continue;
      const auto [data, size] = reader.getRecord(name);
      records_[name] = std::string(static_cast<const char*>(data.get()), size);
    }
  }

  std::map<std::string, std::string>& all() { return records_; }
  std::string& operator[](const std::string& name) { return records_[name]; }

  /// Puts a text in the place of another, which must be there, in a record that must be there.
  void replace(const std::string& name, const std::string& from, const std::string& to) {
    auto& content = records_.at(name);
    const auto at = content.find(from);
    if (at == std::string::npos) throw std::logic_error(name + " does not hold " + from);
    content.replace(at, from.size(), to);
  }

  /// Puts a statement before the first that begins so, indented as it is.
  void insert(const std::string& name, const std::string& before, const std::string& statements) {
    const auto& content = records_.at(name);
    const auto at = content.find(before);
    if (at == std::string::npos) throw std::logic_error(name + " does not hold " + before);
    const auto line = content.rfind('\n', at) + 1;
    const auto indent = content.substr(line, content.find_first_not_of(' ', line) - line);
    std::string text;
    for (size_t start = 0; start < statements.size();) {
      const auto end = std::min(statements.find('\n', start), statements.size());
      text += indent + statements.substr(start, end - start) + "\n";
      start = end + 1;
    }
    records_.at(name).insert(line, text);
  }

  void rename(const std::string& from, const std::string& to) {
    auto record = records_.extract(from);
    record.key() = to;
    records_.insert(std::move(record));
  }

  /// To a zip that is open still.
  void add_to(ZipWriter& zip) const {
    for (const auto& [name, content] : records_) zip.add("archive/" + name, content);
  }

  std::string bytes() const {
    ZipWriter zip;
    add_to(zip);
    return zip.finish();
  }

 private:
  std::map<std::string, std::string> records_;
};

}  // namespace legrad::testing
