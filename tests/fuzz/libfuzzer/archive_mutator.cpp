// Mutates an archive and, every other time, makes its checksums right again: else all of them are refused for that.

#include <zlib.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

uint64_t number(const uint8_t* at, int width) {
  uint64_t value = 0;
  for (int i = width; i-- > 0;) value = value << 8 | at[i];
  return value;
}

void write(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

/// Of every entry of a directory whose bytes lie in the file as they are.
void mend_checksums(uint8_t* data, size_t size) {
  const std::string signature("PK\1\2", 4);
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  for (size_t at = all.find(signature); at != std::string_view::npos; at = all.find(signature, at + 1)) {
    if (at + 46 > size) return;
    const uint64_t stored = number(data + at + 20, 4);
    const uint64_t header = number(data + at + 42, 4);
    if (number(data + at + 10, 2) != 0 || header + 30 > size) continue;
    const uint64_t begin = header + 30 + number(data + header + 26, 2) + number(data + header + 28, 2);
    if (begin + stored > size) continue;
    const auto checksum = static_cast<uint32_t>(crc32(0, data + begin, static_cast<uInt>(stored)));
    write(data + at + 16, checksum);
    write(data + header + 14, checksum);
  }
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned int seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (std::minstd_rand(seed)() % 2 == 0) mend_checksums(data, size);
  return size;
}
