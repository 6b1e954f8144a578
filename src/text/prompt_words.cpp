#include <ATen/Functions.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/text/prompt_words.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace legrad {
namespace {

constexpr std::string_view kWordEnd = "</w>";  // of CLIP's pieces
constexpr std::string_view kBlank = "▁";       // of SentencePiece's

/// What a piece says of its place: whether a word begins with it, and whether one ends behind it.
struct Edges {
  bool begins = false;
  bool ends = false;
};

Edges edges_of(std::string_view piece, TextManifest::Kind kind) {
  if (kind == TextManifest::Kind::kClipBpe) return {.begins = false, .ends = piece.ends_with(kWordEnd)};
  return {.begins = piece.starts_with(kBlank), .ends = piece.size() > kBlank.size() && piece.ends_with(kBlank)};
}

/// The bytes that byte-level BPE spells with printable letters.
std::string from_byte_letters(std::string_view spelled) {
  static const auto kBytes = [] {
    std::map<std::string, char> bytes;
    const auto letters = text::byte_alphabet().letters;
    for (size_t byte = 0; byte < letters.size(); ++byte) bytes.emplace(letters[byte], static_cast<char>(byte));
    return bytes;
  }();
  std::string bytes;
  while (!spelled.empty()) {
    const std::string letter(spelled.substr(0, text::utf8_length(spelled.front())));
    const auto found = kBytes.find(letter);
    found == kBytes.end() ? bytes += letter : bytes += found->second;
    spelled.remove_prefix(letter.size());
  }
  return bytes;
}

/// "<0xE2>" as its byte, as SentencePiece falls back to where it knows no piece.
std::optional<char> fallback_byte(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || !piece.ends_with(">")) return std::nullopt;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  const int high = digit(piece[3]), low = digit(piece[4]);
  return high < 0 || low < 0 ? std::nullopt : std::optional(static_cast<char>(high * 16 + low));
}

std::string plain(std::string_view piece, TextManifest::Kind kind) {
  if (kind == TextManifest::Kind::kClipBpe) {
    if (piece.ends_with(kWordEnd)) piece.remove_suffix(kWordEnd.size());
    return from_byte_letters(piece);
  }
  if (const auto byte = fallback_byte(piece)) return {*byte};
  std::string text(piece);
  for (size_t at = text.find(kBlank); at != std::string::npos; at = text.find(kBlank)) text.erase(at, kBlank.size());
  return text;
}

bool is_special(int64_t id, const TextRules& rules) {
  return id == rules.begin || id == rules.end ||
         std::ranges::any_of(rules.special.ids, [&](const auto& special) { return special.second == id; });
}

}  // namespace

std::vector<PromptWord> prompt_words(const Tokens& tokens, const TextManifest& manifest) {
  std::vector<PromptWord> words;
  bool open = false;  // whether the next piece may go on with the last word
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    if (is_special(tokens.ids[i], manifest.rules)) {
      open = false;
      continue;
    }
    const auto edges = edges_of(tokens.pieces[i], manifest.kind);
    if (!open || edges.begins) words.push_back({.text = {}, .first = i, .count = 0});
    words.back().text += plain(tokens.pieces[i], manifest.kind);
    ++words.back().count;
    open = !edges.ends;
  }
  return words;
}

WordScores word_scores(std::vector<PromptWord> words, const at::Tensor& tokens) {
  const auto given = tokens.detach().to(at::kCPU, at::kDouble);
  if (!at::isfinite(given).all().item<bool>()) {
    throw InputError("the text tower gives NaN or infinite numbers for this prompt", Reason::kNotFinite);
  }
  WordScores result{.words = std::move(words), .scores = {}, .share = 0};
  for (const auto& word : result.words) {
    if (given.dim() != 1 || static_cast<int64_t>(word.first + word.count) > given.size(0)) {
      throw InputError(c10::str("scores of shape ", given.sizes(), " for a word that ends with token ",
                                word.first + word.count, "; expected one for each token"));
    }
    const auto of_word = given.narrow(0, static_cast<int64_t>(word.first), static_cast<int64_t>(word.count));
    result.scores.push_back(of_word.sum().item<double>());
  }
  double sum = 0, most = 0;
  for (const double score : result.scores) {
    sum += score;
    most = std::max(most, score);
  }
  const double all = given.sum().item<double>();
  if (all > 0) result.share = std::min(sum / all, 1.0);
  if (most > 0) std::ranges::for_each(result.scores, [&](double& score) { score /= most; });
  return result;
}

}  // namespace legrad
