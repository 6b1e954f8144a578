#include "text/byte_alphabet.h"

#include "text/unicode.h"

namespace legrad::text {
namespace {

bool is_printed(int byte) { return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD); }

}  // namespace

ByteAlphabet byte_alphabet() {
  ByteAlphabet alphabet;
  size_t place = 0;
  char32_t next = 0x100;
  for (const bool printed : {true, false}) {
    for (int byte = 0; byte < 256; ++byte) {
      if (is_printed(byte) != printed) {
        continue;
      }
      const char32_t letter = printed ? static_cast<char32_t>(byte) : next++;
      alphabet.letters[static_cast<size_t>(byte)] = to_utf8({&letter, 1});
      alphabet.order[place++] = byte;
    }
  }
  return alphabet;
}

}  // namespace legrad::text
