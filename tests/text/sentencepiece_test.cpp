// Which pieces are chosen, on models of a few that are worked out by hand.

#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/text.h>

#include <string>
#include <vector>

#include "support/message_of.h"
#include "text/sentencepiece_writer.h"
#include "text/text_folder.h"

namespace legrad {
namespace {

using namespace testing;
using Pieces = std::vector<std::string>;

class SentencePieceTest : public ::testing::Test {
 protected:
  Tokens tokens(const std::string& model, const std::string& prompt) const {
    return Tokenizer::sentencepiece(folder_.write("spiece.model", piece("<unk>", kUnknown) + model), {}).encode(prompt);
  }
  Pieces pieces(const std::string& model, const std::string& prompt) const { return tokens(model, prompt).pieces; }

  TemporaryFolder folder_;
};

TEST_F(SentencePieceTest, UnigramTakesTheLargestSum) {
  const std::string model = kNoPrefix + piece("a", kNormal, -2) + piece("b", kNormal, -2) + piece("ab", kNormal, -3) +
                            piece("bc", kNormal, -1) + piece("c", kNormal, -5);
  EXPECT_EQ(pieces(model, "ab"), (Pieces{"ab"}));
  EXPECT_EQ(pieces(model, "abc"), (Pieces{"a", "bc"}));  // -3, and -8
  EXPECT_EQ(tokens(model, "abc").ids, (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(pieces(model, ""), Pieces());
}

TEST_F(SentencePieceTest, UnigramTakesTheFirstOfEqualSums) {
  const std::string model = kNoPrefix + piece("a", kNormal, -1) + piece("aa", kNormal, -1);
  EXPECT_EQ(pieces(model, "aaa"), (Pieces{"a", "aa"}));
}

TEST_F(SentencePieceTest, WhatIsUnknownCountsTenLessThanTheWorst) {
  const std::string model = kNoPrefix + piece("xy", kNormal, -12) + piece("yz", kNormal, -1) + piece("z", kNormal, -5);
  EXPECT_EQ(pieces(model, "xyz"), (Pieces{"xy", "z"}));  // -17; an unknown x and "yz" are -22 - 1
}

TEST_F(SentencePieceTest, WhatIsUnknownIsOneTokenHoweverLong) {
  const std::string model = kNoPrefix + piece("a", kNormal);
  EXPECT_EQ(pieces(model, "éüaö"), (Pieces{"éü", "a", "ö"}));
  EXPECT_EQ(tokens(model, "éüaö").ids, (std::vector<int64_t>{0, 1, 0}));
  EXPECT_EQ(tokens(kBpe + model, "éüaö").ids, (std::vector<int64_t>{0, 1, 0}));
}

TEST_F(SentencePieceTest, BytesStandForWhatIsUnknown) {
  std::string model = kNoPrefix + piece("a", kNormal) + kByteFallback;
  for (int byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
    model += piece(text, kByte);
  }
  EXPECT_EQ(pieces(model, "aé"), (Pieces{"a", "<0xC3>", "<0xA9>"}));
  EXPECT_EQ(tokens(model, "é").ids, (std::vector<int64_t>{2 + 0xC3, 2 + 0xA9}));
}

TEST_F(SentencePieceTest, BpeMergesTheBestScoreFirst) {
  const std::string letters = piece("a", kNormal, -9) + piece("b", kNormal, -9) + piece("c", kNormal, -9);
  const std::string model = kBpe + kNoPrefix + letters + piece("ab", kNormal, -2) + piece("bc", kNormal, -1) +
                            piece("abc", kNormal, -3) + piece("aa", kNormal, -4);
  EXPECT_EQ(pieces(model, "abc"), (Pieces{"abc"}));
  EXPECT_EQ(pieces(model, "abcc"), (Pieces{"abc", "c"}));
  EXPECT_EQ(pieces(model, "aaab"), (Pieces{"aa", "ab"}));
  EXPECT_EQ(pieces(model, "aaa"), (Pieces{"aa", "a"}));  // of equal ones the leftmost
}

TEST_F(SentencePieceTest, UserDefinedPiecesStayWhole) {
  const std::string model = kNoPrefix + piece("a", kNormal, -1) + piece("ab", kNormal, -1) + piece("b", kNormal, -1) +
                            piece("bb", kUserDefined, 0) + piece(" ", kUserDefined, 0);
  EXPECT_EQ(pieces(model, "abb"), (Pieces{"a", "bb"}));
  EXPECT_EQ(pieces(kBpe + model, "abb"), (Pieces{"a", "bb"}));
}

TEST_F(SentencePieceTest, CharactersAreReplacedButInUserDefinedPieces) {
  const std::string model = field(3, field(2, table(0, std::string("b\0", 2))) + std::string("\x18\0", 2)) +
                            piece("a", kNormal) + piece("b", kNormal);
  EXPECT_EQ(pieces(model, "aba"), (Pieces{"b", "b", "b"}));
  EXPECT_EQ(pieces(model + piece("ab", kUserDefined), "aba"), (Pieces{"ab", "b"}));
}

TEST_F(SentencePieceTest, UnusedPiecesAreCutAgain) {
  const std::string model = kNoPrefix + piece("a", kNormal, -1) + piece("b", kNormal, -1) + piece("ab", kUnused, -1) +
                            piece("aba", kNormal, -1);
  EXPECT_EQ(pieces(model, "abb"), (Pieces{"a", "b", "b"}));
  EXPECT_EQ(pieces(kBpe + model, "abb"), (Pieces{"a", "b", "b"}));
  EXPECT_EQ(pieces(kBpe + model, "aba"), (Pieces{"aba"}));
}

TEST_F(SentencePieceTest, SpacesAreCollapsedAndMarked) {
  const std::string model = piece("a", kNormal) + piece("\u2581", kNormal);
  EXPECT_EQ(pieces(model, "  a   a "), (Pieces{"\u2581", "a", "\u2581", "a"}));
  EXPECT_EQ(pieces(model, "   "), Pieces());
  const std::string as_it_is = field(3, std::string("\x18\0\x20\0", 4));
  EXPECT_EQ(pieces(model + as_it_is, " a  "), (Pieces{"\u2581", "a", "\u2581", "\u2581"}));
}

TEST_F(SentencePieceTest, FindsSpecialTokensInTheRawPrompt) {
  folder_.write("spiece.model", piece("<unk>", kUnknown) + piece("a", kNormal) + piece("\u2581", kNormal));
  const auto read = [&](SpecialTokens::FoundIn found_in) {
    TextRules rules;
    rules.special = {found_in, {{"</s>", 7}}};
    return Tokenizer::sentencepiece(folder_ / "spiece.model", rules);
  };
  EXPECT_EQ(read(SpecialTokens::FoundIn::kRaw).encode("a</s>a").pieces, (Pieces{"\u2581", "a", "</s>", "\u2581", "a"}));
  EXPECT_TRUE(contains(message_of<InputError>([&] { read(SpecialTokens::FoundIn::kCleaned); }), "raw prompt only"));
}

}  // namespace
}  // namespace legrad
