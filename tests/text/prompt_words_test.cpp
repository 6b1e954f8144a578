// Tokens as the words of a prompt, and scores of tokens as scores of words.

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/text/prompt_words.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/message_of.h"

namespace legrad {
namespace {

using testing::contains;
using testing::message_of;

constexpr int64_t kBegin = 100, kEnd = 101, kSpecial = 102;

TextManifest manifest(TextManifest::Kind kind) {
  TextManifest made;
  made.kind = kind;
  made.rules.begin = kBegin;
  made.rules.end = kEnd;
  made.rules.special.ids = {{"<mask>", kSpecial}};
  return made;
}

/// Pieces between the begin and end tokens.
Tokens tokens_of(const std::vector<std::string>& pieces) {
  Tokens tokens{.ids = {kBegin}, .pieces = {"<begin>"}, .dropped = 0};
  for (const auto& piece : pieces) {
    tokens.ids.push_back(piece == "<mask>" ? kSpecial : 5);
    tokens.pieces.push_back(piece);
  }
  tokens.ids.push_back(kEnd);
  tokens.pieces.emplace_back("<end>");
  return tokens;
}

std::string spelled(const std::vector<PromptWord>& words) {
  std::string text;
  for (const auto& word : words) {
    text += word.text + "@" + std::to_string(word.first) + "+" + std::to_string(word.count) + " ";
  }
  return text;
}

std::string clip_words(const std::vector<std::string>& pieces) {
  return spelled(prompt_words(tokens_of(pieces), manifest(TextManifest::Kind::kClipBpe)));
}

std::string sentence_pieces(const std::vector<std::string>& pieces) {
  return spelled(prompt_words(tokens_of(pieces), manifest(TextManifest::Kind::kSentencePiece)));
}

TEST(PromptWords, EndWhereClipsPiecesSaySo) {
  EXPECT_EQ(clip_words({"a</w>", "gir", "affe</w>", "!</w>"}), "a@1+1 giraffe@2+2 !@4+1 ");
  EXPECT_EQ(clip_words({}), "");
  EXPECT_EQ(clip_words({"cut", "off"}), "cutoff@1+2 ");
}

TEST(PromptWords, AreSpelledInUtf8) { EXPECT_EQ(clip_words({"caf", "Ã", "©</w>"}), "café@1+3 "); }

TEST(PromptWords, BeginWhereSentencePiecesSaySo) {
  EXPECT_EQ(sentence_pieces({"▁a", "▁gir", "affe", "▁", "cat"}), "a@1+1 giraffe@2+2 cat@4+2 ");
  EXPECT_EQ(sentence_pieces({"a", "▁cat"}), "a@1+1 cat@2+1 ") << "the first may go without its blank";
  EXPECT_EQ(sentence_pieces({"a▁", "gir", "affe▁", "cat"}), "a@1+1 giraffe@2+2 cat@4+1 ") << "blanks behind";
  EXPECT_EQ(sentence_pieces({"▁caf", "<0xC3>", "<0xA9>"}), "café@1+3 ");
  EXPECT_EQ(sentence_pieces({"▁<0xZZ>"}), "<0xZZ>@1+1 ");
}

TEST(PromptWords, LeaveSpecialTokensOut) {
  EXPECT_EQ(clip_words({"red</w>", "<mask>", "cat</w>"}), "red@1+1 cat@3+1 ");
  EXPECT_EQ(sentence_pieces({"▁red", "<mask>", "cat"}), "red@1+1 cat@3+1 ");
}

TEST(WordScores, AreSumsOverTheLargest) {
  const std::vector<PromptWord> words = {{"a", 1, 1}, {"giraffe", 2, 2}, {"!", 4, 1}};
  const auto found = word_scores(words, at::tensor({10.0, 1.0, 2.0, 3.0, 0.0, 3.0, 1.0}, at::kDouble));
  EXPECT_EQ(found.scores, (std::vector<double>{0.2, 1, 0}));
  EXPECT_DOUBLE_EQ(found.share, 6.0 / 20);
  EXPECT_EQ(found.words.size(), 3U);
  EXPECT_EQ(word_scores(words, at::zeros({5}, at::kDouble)).scores, (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(word_scores(words, at::zeros({5}, at::kDouble)).share, 0);
  EXPECT_TRUE(word_scores({}, at::ones({3})).scores.empty());
}

TEST(WordScores, RefuseWhatDoesNotFit) {
  const auto refusal = [](const at::Tensor& tokens) {
    return message_of<InputError>([&] { (void)word_scores({{"giraffe", 2, 2}}, tokens); });
  };
  EXPECT_TRUE(contains(refusal(at::ones({3})), "one for each token"));
  EXPECT_TRUE(contains(refusal(at::ones({1, 4})), "one for each token"));
  EXPECT_TRUE(contains(refusal(at::full({4}, NAN)), "NaN"));
}

}  // namespace
}  // namespace legrad
