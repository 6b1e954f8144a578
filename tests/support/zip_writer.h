#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace legrad::testing {

/// Writes zip archives as nobody else would: names that come twice, entries that share bytes, sizes that are not true.
class ZipWriter {
 public:
  struct Entry {
    std::string name;
    uint32_t checksum = 0;
    uint64_t stored = 0;
    uint64_t size = 0;
    uint64_t header = 0;  ///< where it starts
    uint64_t data = 0;    ///< where its content starts
    bool compressed = false;
  };

  /// Adds a record and returns its entry in the directory, to be changed or added again under another name.
  Entry add(const std::string& name, std::string_view content, bool compressed = false) {
    Entry entry;
    entry.name = name;
    entry.checksum = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
    entry.size = content.size();
    entry.header = bytes_.size();
    entry.compressed = compressed;
    const auto stored = compressed ? deflated(content) : std::string(content);
    entry.stored = stored.size();
    number(0x04034b50, 4);
    fields(entry);
    bytes_ += name;
    entry.data = bytes_.size();
    bytes_ += stored;
    directory_.push_back(entry);
    return entry;
  }

  void add_to_directory(Entry entry) { directory_.push_back(std::move(entry)); }

  /// What was written so far, without a directory.
  const std::string& records() const { return bytes_; }

  std::string finish() {
    const auto start = bytes_.size();
    for (const auto& entry : directory_) {
      number(0x02014b50, 4);
      number(20, 2);
      fields(entry);
      number(0, 2 + 2 + 2 + 4);
      number(entry.header, 4);
      bytes_ += entry.name;
    }
    const auto size = bytes_.size() - start;
    const bool many = directory_.size() > 0xffff;
    if (many) {
      const auto large = bytes_.size();
      number(0x06064b50, 4);
      number(44, 8);
      number(45, 2);
      number(45, 2);
      number(0, 8);
      number(directory_.size(), 8);
      number(directory_.size(), 8);
      number(size, 8);
      number(start, 8);
      number(0x07064b50, 4);
      number(0, 4);
      number(large, 8);
      number(1, 4);
    }
    const auto count = many ? 0xffff : directory_.size();
    number(0x06054b50, 4);
    number(0, 4);
    number(count, 2);
    number(count, 2);
    number(size, 4);
    number(start, 4);
    number(0, 2);
    return std::move(bytes_);
  }

 private:
  void number(uint64_t value, int width) {
    for (int i = 0; i < width; ++i) bytes_ += static_cast<char>(i < 8 ? value >> (8 * i) & 0xff : 0);
  }

  // What a record's own header and the directory have in common.
  void fields(const Entry& entry) {
    number(20, 2);
    number(0, 2);
    number(entry.compressed ? 8 : 0, 2);
    number(0, 4);
    number(entry.checksum, 4);
    number(entry.stored, 4);
    number(entry.size, 4);
    number(entry.name.size(), 2);
    number(0, 2);
  }

  static std::string deflated(std::string_view content) {
    z_stream stream{};
    deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
    std::string packed(deflateBound(&stream, content.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
  }

  std::string bytes_;
  std::vector<Entry> directory_;
};

}  // namespace legrad::testing
