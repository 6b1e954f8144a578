#include "graph/read/zip_directory.h"

#include <legrad/error.h>
#include <zlib.h>

#include <algorithm>
#include <cstddef>

namespace legrad::graph {
namespace {

using Bytes = std::vector<unsigned char>;
using File = caffe2::serialize::ReadAdapterInterface;

// Names of fields are those of the zip specification (APPNOTE 4.3): little-endian, zip64 where a field is all ones.
constexpr uint32_t kEndOfDirectory = 0x06054b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr uint32_t kZip64EndOfDirectory = 0x06064b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint64_t kMostEntries = 100'000;  // the largest vision transformers have thousands
constexpr uint64_t kMostDirectory = uint64_t{1} << 25;

struct Directory {
  uint64_t entries = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
};

[[noreturn]] void damaged(const std::string& what) {
  throw ModelError("is damaged (" + what + "); copy or export it again", Reason::kDamaged);
}

uint64_t number(const Bytes& bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | bytes.at(at + i);
  return value;
}

Directory find_directory(const File& file) {
  constexpr uint64_t kEndSize = 22;
  constexpr uint64_t kLocatorSize = 20;
  constexpr uint64_t kMostComment = 65535;
  if (file.size() < kEndSize || number(read_bytes(file, 0, 4), 0, 4) != kLocalHeader) {
    throw ModelError(
        "is no TorchScript or torch.export archive; export the model with torch.jit.trace(model, images).save(...)",
        Reason::kNotAModel);
  }
  const uint64_t tail_size = std::min<uint64_t>(file.size(), kEndSize + kMostComment);
  const auto tail = read_bytes(file, file.size() - tail_size, tail_size);
  size_t at = tail.size() - kEndSize + 1;
  do {
    if (at == 0) damaged("it has no directory; is it cut off?");
    --at;
  } while (number(tail, at, 4) != kEndOfDirectory);
  // Readers disagree about which end counts where several could: there must be one, at the end.
  if (at + kEndSize + number(tail, at + 20, 2) != tail.size()) damaged("something follows its directory");
  Directory directory{number(tail, at + 10, 2), number(tail, at + 12, 4), number(tail, at + 16, 4)};
  const uint64_t end = file.size() - tail_size + at;
  if (end >= kLocatorSize) {
    const auto locator = read_bytes(file, end - kLocatorSize, kLocatorSize);
    if (number(locator, 0, 4) == kZip64Locator) {
      const auto large = read_bytes(file, number(locator, 8, 8), 56);
      if (number(large, 0, 4) != kZip64EndOfDirectory) damaged("its zip64 directory is not where it should be");
      directory = {number(large, 32, 8), number(large, 40, 8), number(large, 48, 8)};
    }
  }
  if (directory.entries > kMostEntries || directory.size > kMostDirectory) {
    throw ModelError(
        "has " + std::to_string(directory.entries) + " records; at most " + std::to_string(kMostEntries) + " are read",
        Reason::kTooLarge);
  }
  return directory;
}

// Sizes and places beyond 32 bits stand in an extra field of their own.
void read_zip64(const Bytes& bytes, size_t at, size_t end, ZipEntry& entry) {
  constexpr uint64_t kElsewhere = 0xffffffff;
  while (at + 4 <= end) {
    const auto id = number(bytes, at, 2);
    size_t field = at + 4;
    const size_t next = field + number(bytes, at + 2, 2);
    if (next > end) damaged("its directory");
    if (id == 1) {
      for (uint64_t* value : {&entry.size, &entry.stored, &entry.header}) {
        if (*value != kElsewhere) continue;
        if (field + 8 > next) damaged("its directory");
        *value = number(bytes, field, 8);
        field += 8;
      }
    }
    at = next;
  }
}

std::vector<ZipEntry> read_entries(const Bytes& bytes, uint64_t count) {
  constexpr size_t kFixed = 46;
  constexpr uint64_t kEncrypted = 1;
  std::vector<ZipEntry> entries;
  size_t at = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (at + kFixed > bytes.size() || number(bytes, at, 4) != kDirectoryEntry) damaged("its directory");
    ZipEntry entry;
    const auto method = number(bytes, at + 10, 2);
    entry.compressed = method != 0;
    entry.checksum = static_cast<uint32_t>(number(bytes, at + 16, 4));
    entry.stored = number(bytes, at + 20, 4);
    entry.size = number(bytes, at + 24, 4);
    entry.header = number(bytes, at + 42, 4);
    const size_t name = at + kFixed;
    const size_t extra = name + number(bytes, at + 28, 2);
    const size_t comment = extra + number(bytes, at + 30, 2);
    const size_t next = comment + number(bytes, at + 32, 2);
    if (next > bytes.size()) damaged("its directory");
    entry.name.assign(bytes.begin() + static_cast<std::ptrdiff_t>(name),
                      bytes.begin() + static_cast<std::ptrdiff_t>(extra));
    read_zip64(bytes, extra, comment, entry);
    const bool readable = method == 0 || method == Z_DEFLATED;
    if (!readable || (number(bytes, at + 8, 2) & kEncrypted) != 0) damaged("a record is packed in an unknown way");
    if (!entry.compressed && entry.stored != entry.size) damaged("a record has two sizes");
    entries.push_back(std::move(entry));
    at = next;
  }
  return entries;
}

// Where the bytes of an entry start is told by a header of its own, which must have the same name.
void find_data(const File& file, ZipEntry& entry) {
  constexpr uint64_t kFixed = 30;
  const auto header = read_bytes(file, entry.header, kFixed);
  if (number(header, 0, 4) != kLocalHeader) damaged("a record is not where the directory says");
  const auto name_size = number(header, 26, 2);
  const auto name = read_bytes(file, entry.header + kFixed, name_size);
  if (!std::equal(name.begin(), name.end(), entry.name.begin(), entry.name.end(),
                  [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); })) {
    damaged("a record has two names");
  }
  entry.data = entry.header + kFixed + name_size + number(header, 28, 2);
}

// Bytes that count for several records would be read once for each: a small file would take hours.
void check_places(const std::vector<ZipEntry>& entries, uint64_t end) {
  for (size_t i = 0; i < entries.size(); ++i) {
    const uint64_t limit = i + 1 < entries.size() ? entries[i + 1].header : end;
    if (entries[i].data > limit || entries[i].stored > limit - entries[i].data) damaged("two records share bytes");
  }
}

}  // namespace

Bytes read_bytes(const File& file, uint64_t offset, uint64_t count) {
  if (offset > file.size() || count > file.size() - offset) damaged("it ends too early");
  Bytes bytes(count);
  if (file.read(offset, bytes.data(), count) != count) damaged("it cannot be read to the end");
  return bytes;
}

std::vector<ZipEntry> read_zip_directory(const File& file) {
  const auto directory = find_directory(file);
  auto entries = read_entries(read_bytes(file, directory.offset, directory.size), directory.entries);
  for (auto& entry : entries) find_data(file, entry);
  std::sort(entries.begin(), entries.end(), [](const ZipEntry& a, const ZipEntry& b) { return a.header < b.header; });
  check_places(entries, directory.offset);
  return entries;
}

void check_contents(const File& file, const ZipEntry& entry) {
  constexpr uint64_t kChunk = uint64_t{1} << 16;  // stays in a cache
  uLong checksum = crc32(0, nullptr, 0);
  uint64_t unpacked = 0;
  z_stream stream{};
  if (entry.compressed && inflateInit2(&stream, -MAX_WBITS) != Z_OK) damaged("a record cannot be unpacked");
  Bytes output(entry.compressed ? kChunk : 0);
  bool ended = false;
  for (uint64_t read = 0; read < entry.stored && unpacked <= entry.size;) {
    auto chunk = read_bytes(file, entry.data + read, std::min(entry.stored - read, kChunk));
    read += chunk.size();
    if (!entry.compressed) {
      checksum = crc32(checksum, chunk.data(), static_cast<uInt>(chunk.size()));
      unpacked += chunk.size();
      continue;
    }
    stream.next_in = chunk.data();
    stream.avail_in = static_cast<uInt>(chunk.size());
    int result = Z_OK;
    do {
      stream.next_out = output.data();
      stream.avail_out = static_cast<uInt>(output.size());
      result = inflate(&stream, Z_NO_FLUSH);
      const auto count = output.size() - stream.avail_out;
      checksum = crc32(checksum, output.data(), static_cast<uInt>(count));
      unpacked += count;
    } while (result == Z_OK && stream.avail_out == 0 && unpacked <= entry.size);
    ended = result == Z_STREAM_END;
    if (result != Z_OK && result != Z_BUF_ERROR) break;
  }
  if (entry.compressed) inflateEnd(&stream);
  if (unpacked != entry.size || (entry.compressed && !ended)) damaged("record " + entry.name + " cannot be unpacked");
  if (checksum != entry.checksum) damaged("record " + entry.name + " does not match its checksum");
}

}  // namespace legrad::graph
