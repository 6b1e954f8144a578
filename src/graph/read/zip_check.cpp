#include "graph/read/zip_check.h"

#include <legrad/error.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace legrad::graph {
namespace {

// Names of fields are those of the zip specification (APPNOTE 4.3): little-endian, zip64 where a field is all ones.
constexpr uint32_t kEndOfDirectory = 0x06054b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr uint32_t kZip64EndOfDirectory = 0x06064b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint64_t kMostRecords = 1 << 20;
constexpr uint64_t kMostDirectory = uint64_t{1} << 28;
constexpr uint64_t kMostInflated = uint64_t{1} << 26;  // only code and its debug records are compressed

struct Record {
  std::string name;
  uint16_t method = 0;
  uint32_t crc = 0;
  uint64_t stored = 0;
  uint64_t size = 0;
  uint64_t header = 0;
};

class ZipFile {
 public:
  explicit ZipFile(const std::filesystem::path& path) : name_("\"" + path.string() + "\"") {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) throw ModelError("no model file " + name_);
    if (!std::filesystem::is_regular_file(path, error))
      throw ModelError(name_ + " is no file; expected a TorchScript or torch.export archive");
    size_ = std::filesystem::file_size(path, error);
    in_.open(path, std::ios::binary);
    if (error || !in_) throw ModelError("cannot read " + name_);
  }

  void check() {
    for (const auto& record : directory()) check(record);
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    throw ModelError(name_ + " is damaged (" + what + "); copy or export it again");
  }

  std::vector<unsigned char> read(uint64_t offset, uint64_t count) {
    if (offset > size_ || count > size_ - offset) damaged("it ends too early");
    std::vector<unsigned char> bytes(count);
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(offset));
    in_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
    if (!in_) damaged("it cannot be read to the end");
    return bytes;
  }

  static uint64_t number(const std::vector<unsigned char>& bytes, size_t at, size_t width) {
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;) value = value << 8 | bytes.at(at + i);
    return value;
  }

  std::vector<Record> directory() {
    constexpr uint64_t kEndSize = 22;
    constexpr uint64_t kMostComment = 65535;
    if (size_ < kEndSize || number(read(0, 4), 0, 4) != kLocalHeader) {
      throw ModelError(
          name_ +
          " is no TorchScript or torch.export archive; export the model with torch.jit.trace(model, images).save(...)");
    }
    const uint64_t tail_size = std::min(size_, kEndSize + kMostComment);
    const auto tail = read(size_ - tail_size, tail_size);
    uint64_t at = tail.size() - kEndSize + 1;
    do {
      if (at == 0) damaged("it has no directory; is it cut off?");
      --at;
    } while (number(tail, at, 4) != kEndOfDirectory);
    uint64_t count = number(tail, at + 10, 2);
    uint64_t size = number(tail, at + 12, 4);
    uint64_t offset = number(tail, at + 16, 4);
    const uint64_t end = size_ - tail_size + at;
    if (end >= 20) {
      const auto locator = read(end - 20, 20);
      if (number(locator, 0, 4) == kZip64Locator) {
        const auto large = read(number(locator, 8, 8), 56);
        if (number(large, 0, 4) != kZip64EndOfDirectory) damaged("its zip64 directory is not where it should be");
        count = number(large, 32, 8);
        size = number(large, 40, 8);
        offset = number(large, 48, 8);
      }
    }
    if (count > kMostRecords || size > kMostDirectory) damaged("its directory is too large");
    return entries(read(offset, size), count);
  }

  std::vector<Record> entries(const std::vector<unsigned char>& bytes, uint64_t count) const {
    constexpr size_t kFixed = 46;
    std::vector<Record> records;
    size_t at = 0;
    for (uint64_t i = 0; i < count; ++i) {
      if (at + kFixed > bytes.size() || number(bytes, at, 4) != kDirectoryEntry) damaged("its directory");
      Record record;
      record.method = static_cast<uint16_t>(number(bytes, at + 10, 2));
      record.crc = static_cast<uint32_t>(number(bytes, at + 16, 4));
      record.stored = number(bytes, at + 20, 4);
      record.size = number(bytes, at + 24, 4);
      const size_t name_size = number(bytes, at + 28, 2);
      const size_t extra_size = number(bytes, at + 30, 2);
      const size_t comment_size = number(bytes, at + 32, 2);
      record.header = number(bytes, at + 42, 4);
      const size_t extra = at + kFixed + name_size;
      at = extra + extra_size + comment_size;
      if (at > bytes.size()) damaged("its directory");
      record.name.assign(bytes.begin() + static_cast<std::ptrdiff_t>(extra - name_size),
                         bytes.begin() + static_cast<std::ptrdiff_t>(extra));
      read_zip64(bytes, extra, extra + extra_size, record);
      check_name(record.name);
      records.push_back(std::move(record));
    }
    return records;
  }

  void read_zip64(const std::vector<unsigned char>& bytes, size_t at, size_t end, Record& record) const {
    constexpr uint64_t kElsewhere = 0xffffffff;
    while (at + 4 <= end) {
      const auto id = number(bytes, at, 2);
      size_t field = at + 4;
      const size_t next = field + number(bytes, at + 2, 2);
      if (next > end) damaged("its directory");
      if (id == 1) {
        for (uint64_t* value : {&record.size, &record.stored, &record.header}) {
          if (*value != kElsewhere) continue;
          if (field + 8 > next) damaged("its directory");
          *value = number(bytes, field, 8);
          field += 8;
        }
      }
      at = next;
    }
  }

  void check_name(const std::string& name) const {
    const bool leaves = name.empty() || name.front() == '/' || name.find('\\') != std::string::npos ||
                        name.find('\0') != std::string::npos || ("/" + name + "/").find("/../") != std::string::npos;
    if (leaves) throw ModelError(name_ + " holds a record whose name leaves the archive; it is refused");
  }

  void check(const Record& record) {
    constexpr uint64_t kFixed = 30;
    constexpr uint64_t kChunk = uint64_t{1} << 20;
    const auto header = read(record.header, kFixed);
    if (number(header, 0, 4) != kLocalHeader) damaged("record " + record.name + " is not where the directory says");
    uint64_t at = record.header + kFixed + number(header, 26, 2) + number(header, 28, 2);
    uLong crc = crc32(0, nullptr, 0);
    if (record.method == 0) {
      if (record.stored != record.size) damaged("record " + record.name + " has two sizes");
      for (uint64_t left = record.size; left > 0;) {
        const auto chunk = read(at, std::min(left, kChunk));
        crc = crc32(crc, chunk.data(), static_cast<uInt>(chunk.size()));
        at += chunk.size();
        left -= chunk.size();
      }
    } else if (record.method == Z_DEFLATED) {
      if (record.size > kMostInflated) damaged("record " + record.name + " would unpack to more than 64 MiB");
      const auto bytes = inflated(read(at, record.stored), record);
      crc = crc32(crc, bytes.data(), static_cast<uInt>(bytes.size()));
    } else {
      damaged("record " + record.name + " is packed in an unknown way");
    }
    if (crc != record.crc) damaged("record " + record.name + " does not match its checksum");
  }

  std::vector<unsigned char> inflated(std::vector<unsigned char> packed, const Record& record) const {
    std::vector<unsigned char> bytes(record.size);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) damaged("record " + record.name);
    stream.next_in = packed.data();
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = bytes.data();
    stream.avail_out = static_cast<uInt>(bytes.size());
    const int result = inflate(&stream, Z_FINISH);
    const bool whole = result == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    if (!whole) damaged("record " + record.name + " cannot be unpacked");
    return bytes;
  }

  std::string name_;
  uint64_t size_ = 0;
  std::ifstream in_;
};

}  // namespace

void check_zip(const std::filesystem::path& file) { ZipFile(file).check(); }

}  // namespace legrad::graph
