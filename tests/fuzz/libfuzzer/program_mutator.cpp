// Mutates JSON as JSON, most of the time: else nearly all of it is refused for being none.

#include <cstdint>
#include <cstring>
#include <random>

#include "support/json_edits.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned int seed) {
  std::mt19937 random(seed);
  auto root = nlohmann::json::parse(data, data + size, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded() || random() % 16 == 0) return LLVMFuzzerMutate(data, size, most);
  for (unsigned edits = 1 + random() % 3; edits > 0; --edits) legrad::testing::edit_json(root, random);
  const auto text = root.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}
