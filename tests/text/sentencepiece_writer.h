#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

// Writes SentencePiece models of a few pieces: sentencepiece_model.proto, in the encoding of protocol buffers.
namespace legrad::testing {

/// A field of a message that holds bytes or another message.
inline std::string field(int number, const std::string& bytes) {
  std::string result(1, static_cast<char>(number << 3 | 2));
  size_t size = bytes.size();
  for (; size >= 0x80; size >>= 7) {
    result += static_cast<char>((size & 0x7F) | 0x80);
  }
  return result + static_cast<char>(size) + bytes;
}

/// Types of pieces.
enum : int { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

inline std::string piece(const std::string& text, int type, float score = -1) {
  std::string message = field(1, text) + "\x15";
  for (int shift = 0; shift < 32; shift += 8) {
    message += static_cast<char>(std::bit_cast<uint32_t>(score) >> shift & 0xFF);
  }
  return field(1, message + "\x18" + static_cast<char>(type));
}

/// How the pieces were trained, and what is done to text first.
inline const std::string kBpe = field(2, "\x18\x02");
inline const std::string kByteFallback = field(2, "\x98\x02\x01");
inline const std::string kNoPrefix = field(3, std::string("\x18\0", 2));

/// A table of characters: a trie of one step, 'a' to the string at `place`, before `strings`. The units stand at the
/// two offsets.
inline std::string table(uint32_t place, const std::string& strings, uint32_t root = 1, uint32_t leaf = 1) {
  constexpr uint32_t kUnits = 512;
  std::vector<uint32_t> units(kUnits, 0);
  units[0] = root << 10;
  const uint32_t node = root ^ 'a';
  if (node < kUnits) {
    units[node] = leaf << 10 | 1U << 8 | 'a';  // has a value
    if ((node ^ leaf) < kUnits) units[node ^ leaf] = 1U << 31 | place;
  }
  std::string bytes = {'\0', '\x08', '\0', '\0'};  // 2048 bytes
  for (const uint32_t unit : units) {
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(unit >> shift & 0xFF);
  }
  return bytes + strings;
}

}  // namespace legrad::testing
