#pragma once

#include <cstdint>
#include <string_view>

namespace legrad::image {

/// Bytes of a file that is not trusted. Reading past the end gives zeros and is remembered.
class ByteView {
 public:
  explicit ByteView(std::string_view bytes, bool big_endian = true) : bytes_(bytes), big_endian_(big_endian) {}

  uint64_t size() const { return bytes_.size(); }
  bool ran_over() const { return ran_over_; }
  bool starts_with(std::string_view magic) const { return bytes_.starts_with(magic); }

  /// The unsigned number of `count` bytes (at most 8) at `offset`.
  uint64_t number(uint64_t offset, unsigned count) const {
    if (!holds(offset, count)) {
      return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < count; ++i) {
      const uint64_t at = offset + (big_endian_ ? i : count - 1 - i);
      value = value << 8 | static_cast<unsigned char>(bytes_[at]);
    }
    return value;
  }
  uint64_t u8(uint64_t offset) const { return number(offset, 1); }
  uint64_t u16(uint64_t offset) const { return number(offset, 2); }
  uint64_t u32(uint64_t offset) const { return number(offset, 4); }

  /// `count` bytes at `offset`, or none if they are not all there.
  std::string_view part(uint64_t offset, uint64_t count) const {
    return holds(offset, count) ? bytes_.substr(offset, count) : std::string_view();
  }

 private:
  bool holds(uint64_t offset, uint64_t count) const {
    const bool held = offset <= bytes_.size() && count <= bytes_.size() - offset;
    ran_over_ = ran_over_ || !held;
    return held;
  }

  std::string_view bytes_;
  bool big_endian_;
  mutable bool ran_over_ = false;
};

}  // namespace legrad::image
