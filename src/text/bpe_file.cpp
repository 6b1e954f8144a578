#include "text/bpe_file.h"

#include <legrad/error.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "io/json_fields.h"
#include "io/parse_json.h"
#include "io/read_file.h"
#include "text/byte_alphabet.h"
#include "text/gunzip.h"
#include "text/unicode.h"

namespace legrad::text {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kMostBpeBytes = uint64_t{64} << 20;
constexpr size_t kMostValues = size_t{1} << 21;
constexpr size_t kMostBpePieceBytes = 512;
constexpr int64_t kMostBpeId = (int64_t{1} << 24) - 1;
// OpenAI's file lists more merges than its vocabulary of 49,408 takes: that less 512 letters and two special tokens.
constexpr size_t kMostListedMerges = 48894;
constexpr const char* kWordEnd = "</w>";

[[noreturn]] void refuse_bpe(const std::string& what) { throw ModelError("it " + what, Reason::kDamaged); }

std::string checked_piece(std::string piece) {
  if (piece.empty() || piece.size() > kMostBpePieceBytes || !is_utf8(piece)) {
    refuse_bpe("has a piece that is empty, longer than " + std::to_string(kMostBpePieceBytes) + " bytes or no UTF-8");
  }
  return piece;
}

BpeFile::Merge merge_of(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
    refuse_bpe("is no list of merges: a line is not two pieces with a space between them");
  }
  return {checked_piece(std::string(line.substr(0, space))), checked_piece(std::string(line.substr(space + 1)))};
}

/// The lines after the first, which is a comment; up to `most` of them. Only the last may be empty.
std::vector<BpeFile::Merge> listed_merges(std::string_view text, size_t most) {
  std::vector<BpeFile::Merge> merges;
  text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  while (!text.empty() && merges.size() < most) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    merges.push_back(merge_of(line.ends_with('\r') ? line.substr(0, end - 1) : line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return merges;
}

/// Pieces are numbered in this order: letters, letters at a word's end, what merges make.
BpeFile openai_list(std::string_view text) {
  BpeFile file;
  file.merges = listed_merges(text, kMostListedMerges);
  const ByteAlphabet alphabet = byte_alphabet();
  int64_t next = 0;
  for (const char* const end : {"", kWordEnd}) {
    for (const int byte : alphabet.order) {
      file.ids[alphabet.letters[static_cast<size_t>(byte)] + end] = next++;
    }
  }
  for (const BpeFile::Merge& merge : file.merges) {
    file.ids[merge.left + merge.right] = next++;
  }
  return file;
}

std::unordered_map<std::string, int64_t> vocabulary(const json& object) {
  if (!object.is_object()) {
    refuse_bpe("is no vocabulary, which is an object of pieces and their ids");
  }
  std::unordered_map<std::string, int64_t> ids;
  for (const auto& [piece, id] : object.items()) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() > kMostBpeId) {
      refuse_bpe("has an id that is no integer from 0 to " + std::to_string(kMostBpeId));
    }
    ids[checked_piece(piece)] = id.get<int64_t>();
  }
  return ids;
}

/// A merge in tokenizer.json: "a b", or ["a", "b"] since tokenizers 0.20.
BpeFile::Merge merge_of(const json& item) {
  if (item.is_string()) {
    return merge_of(std::string_view(item.get_ref<const std::string&>()));
  }
  if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_string()) {
    refuse_bpe("has a merge that is not two pieces");
  }
  return {checked_piece(item[0].get<std::string>()), checked_piece(item[1].get<std::string>())};
}

bool is_on(const json& model, const char* field) {
  const auto found = model.find(field);
  return found != model.end() && *found != false && !found->is_null();
}

BpeFile tokenizer_json(const json& document) {
  const auto model = document.find("model");
  if (model == document.end() || !model->is_object()) {
    refuse_bpe("has no object 'model', so it is no tokenizer.json; with a vocab.json give its merges.txt too");
  }
  const auto type = model->find("type");
  const auto end = model->find("end_of_word_suffix");
  if ((type != model->end() && *type != "BPE") || end == model->end() || *end != kWordEnd ||
      is_on(*model, "byte_fallback") || is_on(*model, "ignore_merges")) {
    refuse_bpe("is no byte-level BPE as CLIP's, whose words end in '</w>'");
  }
  const auto ids = model->find("vocab");
  const auto merges = model->find("merges");
  if (ids == model->end() || merges == model->end() || !merges->is_array()) {
    refuse_bpe("lacks 'model.vocab' or 'model.merges'");
  }
  BpeFile file;
  file.ids = vocabulary(*ids);
  file.merges.reserve(merges->size());
  for (const json& merge : *merges) {
    file.merges.push_back(merge_of(merge));
  }
  return file;
}

/// What every file must have: an id for each byte, within a word and at its end, and for all that is merged.
BpeFile checked(BpeFile file) {
  for (const std::string& letter : byte_alphabet().letters) {
    if (!file.ids.contains(letter) || !file.ids.contains(letter + kWordEnd)) {
      refuse_bpe("has no piece '" + letter + "' or '" + letter + kWordEnd + "'; a byte-level vocabulary has all 256");
    }
  }
  for (const BpeFile::Merge& merge : file.merges) {
    if (!file.ids.contains(merge.left) || !file.ids.contains(merge.right) ||
        !file.ids.contains(merge.left + merge.right)) {
      refuse_bpe("merges '" + merge.left + "' and '" + merge.right + "', where one or what they make has no id");
    }
  }
  return file;
}

template <class Read>
auto naming(const fs::path& file, Read read) {
  try {
    return read(io::read_file(file, kMostBpeBytes, "tokenizer file"));
  } catch (const ModelError& error) {
    throw ModelError("tokenizer file '" + file.string() + "': " + error.what(), error.reason());
  } catch (const InputError& error) {
    throw ModelError(error.what(), error.reason());
  }
}

BpeFile any_form(const std::string& bytes) {
  if (bytes.starts_with("\x1f\x8b")) {
    return openai_list(gunzip(bytes, kMostBpeBytes));
  }
  if (bytes.starts_with('{')) {
    return tokenizer_json(io::parse_json(bytes, {.values = kMostValues}));
  }
  if (bytes.empty()) {
    refuse_bpe("is empty");
  }
  return openai_list(bytes);
}

}  // namespace

BpeFile read_bpe(const fs::path& file) {
  return naming(file, [](const std::string& bytes) { return checked(any_form(bytes)); });
}

BpeFile read_bpe(const fs::path& vocabulary_file, const fs::path& merges_file) {
  BpeFile file;
  file.ids = naming(vocabulary_file, [](const std::string& bytes) {
    return vocabulary(io::parse_json(bytes, {.values = kMostValues}));
  });
  return naming(merges_file, [&](const std::string& bytes) {
    if (bytes.empty()) {
      refuse_bpe("is empty");
    }
    file.merges = listed_merges(bytes, kMostValues);
    return checked(std::move(file));
  });
}

}  // namespace legrad::text
