#include "text/sentencepiece_file.h"

#include <legrad/error.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "io/read_file.h"
#include "text/protobuf.h"
#include "text/unicode.h"

namespace legrad::text {
namespace {

namespace fs = std::filesystem;
using Entry = SentencePieceFile::Entry;
using Type = SentencePieceFile::Type;

constexpr uint64_t kMostUnigramBytes = uint64_t{64} << 20;
constexpr size_t kMostEntries = size_t{1} << 20;
constexpr size_t kMostUnigramPieceBytes = 256;

[[noreturn]] void refuse_unigram(const std::string& what) { throw ModelError("it " + what, Reason::kDamaged); }

Entry read_entry(std::string_view message) {
  Entry entry;
  ProtoReader reader(message);
  for (ProtoField field; reader.next(field);) {
    if (field.number == 1) {
      entry.text = field.bytes;
    } else if (field.number == 2) {
      entry.score = field.as_float();
    } else if (field.number == 3) {
      if (field.value < 1 || field.value > 6) {
        refuse_unigram("has a piece of an unknown type");
      }
      entry.type = static_cast<Type>(field.value);
    }
  }
  if (entry.text.empty() || entry.text.size() > kMostUnigramPieceBytes || !is_utf8(entry.text)) {
    refuse_unigram("has a piece that is empty, longer than " + std::to_string(kMostUnigramPieceBytes) +
                   " bytes or no UTF-8");
  }
  if (!std::isfinite(entry.score)) {
    refuse_unigram("has a piece whose score is no number");
  }
  return entry;
}

void read_trainer(std::string_view message, SentencePieceFile& file) {
  ProtoReader reader(message);
  for (ProtoField field; reader.next(field);) {
    if (field.number == 3) {
      if (field.value != 1 && field.value != 2) {
        refuse_unigram("is of words or characters; only Unigram and BPE are read");
      }
      file.algorithm = static_cast<SentencePieceFile::Algorithm>(field.value);
    } else if (field.number == 24) {
      file.space_as_suffix = field.value != 0;
    } else if (field.number == 35) {
      file.byte_fallback = field.value != 0;
    }
  }
}

void read_normalizer(std::string_view message, SentencePieceFile& file) {
  ProtoReader reader(message);
  for (ProtoField field; reader.next(field);) {
    if (field.number == 2) {
      file.character_map = field.bytes;
    } else if (field.number == 3) {
      file.add_dummy_prefix = field.value != 0;
    } else if (field.number == 4) {
      file.remove_extra_spaces = field.value != 0;
    } else if (field.number == 5) {
      file.escape_spaces = field.value != 0;
    }
  }
}

SentencePieceFile parse(std::string_view bytes) {
  SentencePieceFile file;
  ProtoReader reader(bytes);
  for (ProtoField field; reader.next(field);) {
    if (field.number == 1) {
      if (file.entries.size() == kMostEntries) {
        throw ModelError("it has more than " + std::to_string(kMostEntries) + " pieces", Reason::kTooLarge);
      }
      file.entries.push_back(read_entry(field.bytes));
    } else if (field.number == 2) {
      read_trainer(field.bytes, file);
    } else if (field.number == 3) {
      read_normalizer(field.bytes, file);
    }
  }
  return file;
}

std::set<std::string> all_bytes() {
  std::set<std::string> bytes;
  for (int byte = 0; byte < 256; ++byte) {
    bytes.insert(byte_piece(static_cast<unsigned char>(byte)));
  }
  return bytes;
}

/// SentencePiece's own demands: pieces differ, one stands for what is unknown, and there are all bytes or none.
void check(const SentencePieceFile& file) {
  const auto count = [&](Type type) { return std::ranges::count(file.entries, type, &Entry::type); };
  if (file.entries.empty()) {
    refuse_unigram("is no SentencePiece model: it has no pieces");
  }
  if (count(Type::kUnknown) != 1) {
    refuse_unigram("is no SentencePiece model: it has not one piece for what is unknown, but " +
                   std::to_string(count(Type::kUnknown)));
  }
  if (count(Type::kNormal) == 0) {
    refuse_unigram("has no piece of text");
  }
  std::set<std::string_view> texts;
  std::set<std::string> bytes;
  for (const Entry& entry : file.entries) {
    if (!texts.insert(entry.text).second) {
      refuse_unigram("has the piece '" + entry.text + "' twice");
    }
    if (entry.type == Type::kByte) {
      bytes.insert(entry.text);
    }
  }
  if (bytes != (file.byte_fallback ? all_bytes() : std::set<std::string>())) {
    refuse_unigram(file.byte_fallback ? "has not the 256 pieces for single bytes that it says it has"
                                      : "has pieces for single bytes, and says it has none");
  }
}

}  // namespace

std::string byte_piece(unsigned char byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

SentencePieceFile read_sentencepiece(const fs::path& path) {
  try {
    SentencePieceFile file = parse(io::read_file(path, kMostUnigramBytes, "tokenizer file"));
    check(file);
    return file;
  } catch (const ModelError& error) {
    throw ModelError("tokenizer file '" + path.string() + "': " + error.what(), error.reason());
  } catch (const InputError& error) {
    throw ModelError(error.what(), error.reason());
  }
}

}  // namespace legrad::text
