#pragma once

#include <array>
#include <string>

namespace legrad::text {

/// Byte-level BPE spells each byte with a printable character, so that pieces can be written down: bytes that Latin-1
/// prints are themselves, the others U+0100, U+0101, and so on. (Radford et al. 2019, GPT-2.)
struct ByteAlphabet {
  std::array<std::string, 256> letters;  ///< UTF-8, by byte
  std::array<int, 256> order;            ///< the bytes as OpenAI's vocabularies number them: printable ones first
};

ByteAlphabet byte_alphabet();

}  // namespace legrad::text
