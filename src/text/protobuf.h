#pragma once

#include <cstdint>
#include <string_view>

namespace legrad::text {

/// One field of a protocol buffer's message (protobuf.dev/programming-guides/encoding). Only what SentencePiece's files
/// hold is read: numbers, 32 and 64 bits, bytes.
struct ProtoField {
  uint64_t number = 0;
  uint64_t value = 0;           ///< of a number, or the bits of a float
  std::string_view bytes = {};  ///< of a string, bytes or a message

  float as_float() const;
};

/// Goes through the fields of a message. Its bytes must outlive it.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message) {}

  /// Reads the next field into `field`; false at the end. Throws `ModelError`, which begins with "it", for what is no
  /// message.
  bool next(ProtoField& field);

 private:
  uint64_t varint();
  uint64_t fixed(size_t bytes);

  std::string_view rest_;
};

}  // namespace legrad::text
