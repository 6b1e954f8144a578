#include "text/protobuf.h"

#include <legrad/error.h>

#include <bit>

namespace legrad::text {
namespace {

[[noreturn]] void fail() {
  throw ModelError("it is no SentencePiece model, or a damaged or incomplete one", Reason::kDamaged);
}

}  // namespace

float ProtoField::as_float() const { return std::bit_cast<float>(static_cast<uint32_t>(value)); }

uint64_t ProtoReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) {
      fail();
    }
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) {
      return value;
    }
  }
  fail();
}

uint64_t ProtoReader::fixed(size_t bytes) {
  if (rest_.size() < bytes) {
    fail();
  }
  uint64_t value = 0;
  for (size_t i = bytes; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(rest_[i]);
  }
  rest_.remove_prefix(bytes);
  return value;
}

bool ProtoReader::next(ProtoField& field) {
  enum : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  if (rest_.empty()) {
    return false;
  }
  const uint64_t tag = varint();
  field = {.number = tag >> 3};
  switch (tag & 7) {
    case kVarint:
      field.value = varint();
      return true;
    case kFixed64:
      field.value = fixed(8);
      return true;
    case kFixed32:
      field.value = fixed(4);
      return true;
    case kBytes: {
      const uint64_t size = varint();
      if (size > rest_.size()) {
        fail();
      }
      field.bytes = rest_.substr(0, size);
      rest_.remove_prefix(size);
      return true;
    }
    default:
      fail();
  }
}

}  // namespace legrad::text
