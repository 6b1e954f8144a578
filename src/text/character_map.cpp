#include "text/character_map.h"

#include <legrad/error.h>

namespace legrad::text {
namespace {

// The parts of a unit.
constexpr uint32_t kValueUnit = 0x80000000;
uint32_t label(uint32_t unit) { return unit & (kValueUnit | 0xFF); }
bool has_value(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & (1U << 9)) >> 6); }
uint32_t value(uint32_t unit) { return unit & ~kValueUnit; }

uint32_t little_endian(std::string_view bytes) {
  uint32_t number = 0;
  for (size_t i = 4; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return number;
}

}  // namespace

CharacterMap::CharacterMap(std::string_view blob) {
  if (blob.empty()) {
    return;
  }
  const auto fail = [] { throw ModelError("it has a damaged table of characters", Reason::kDamaged); };
  if (blob.size() <= 4) {
    fail();
  }
  const uint32_t size = little_endian(blob);
  blob.remove_prefix(4);
  if (size == 0 || size % 4 != 0 || size >= blob.size() || blob.back() != '\0') {
    fail();
  }
  units_.reserve(size / 4);
  for (size_t at = 0; at < size; at += 4) {
    units_.push_back(little_endian(blob.substr(at)));
  }
  strings_ = blob.substr(size);
}

std::optional<CharacterMap::Replacement> CharacterMap::longest(std::string_view text) const {
  std::optional<Replacement> found;
  if (units_.empty()) {
    return found;
  }
  uint32_t node = offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) {
      break;
    }
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (node >= units_.size()) {
      break;
    }
    const uint32_t place = value(units_[node]);
    if (has_value(unit) && place < strings_.size()) {
      found = Replacement{i + 1, strings_.c_str() + place};
    }
  }
  return found;
}

}  // namespace legrad::text
