// Words, merges and what is put around them, on vocabularies small enough to work out by hand.

#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/text.h>

#include <string>
#include <vector>

#include "support/message_of.h"
#include "text/text_folder.h"

namespace legrad {
namespace {

using testing::contains;
using testing::id_of;
using testing::kFirstMerge;
using testing::last;
using testing::message_of;
using Ids = std::vector<int64_t>;

class TokenizerTest : public ::testing::Test {
 protected:
  Tokenizer tokenizer(const TextRules& rules = {}) const {
    return Tokenizer::clip_bpe(folder_.write("bpe.txt", testing::kMerges), rules);
  }

  testing::TemporaryFolder folder_;
};

TEST_F(TokenizerTest, MergesInTheFilesOrder) {
  const Tokens tokens = tokenizer().encode("low lower slow l");
  EXPECT_EQ(tokens.ids, (Ids{kFirstMerge + 1, kFirstMerge + 4, id_of('s'), kFirstMerge + 1, last('l')}));
  EXPECT_EQ(tokens.pieces, (std::vector<std::string>{"low</w>", "lower</w>", "s", "low</w>", "l</w>"}));
  EXPECT_EQ(tokens.dropped, 0);
}

TEST_F(TokenizerTest, CutsWordsAsClipDoes) {
  EXPECT_EQ(tokenizer().encode("a's 12 !?a").ids,
            (Ids{last('a'), id_of('\''), last('s'), last('1'), last('2'), id_of('!'), last('?'), last('a')}));
  EXPECT_EQ(tokenizer().encode("").ids, Ids());
  EXPECT_EQ(tokenizer().encode(" \n\u3000").ids, Ids());
  EXPECT_EQ(tokenizer().encode("\u0001").pieces, std::vector<std::string>{"ā</w>"});  // U+0100 is byte 0
  EXPECT_EQ(tokenizer().encode("é").pieces, (std::vector<std::string>{"Ã", "©</w>"}));
}

TEST_F(TokenizerTest, FindsSpecialTokensAfterCleaning) {
  TextRules rules;
  rules.special = {SpecialTokens::FoundIn::kCleaned, {{"<s>", 600}}};
  EXPECT_EQ(tokenizer(rules).encode("low<s>!").ids, (Ids{kFirstMerge + 1, 600, last('!')}));
  EXPECT_EQ(tokenizer(rules).encode("!<s>").ids, (Ids{id_of('!'), last('<'), last('s'), last('>')}));
  // Without regard to case it is a word, and no token.
  EXPECT_EQ(tokenizer(rules).encode("<S>'S").ids, (Ids{id_of('<'), id_of('S'), last('>'), id_of('\''), last('S')}));
  rules.lower = LowerCase::kPython;
  EXPECT_EQ(tokenizer(rules).encode("low<S>!").ids, (Ids{kFirstMerge + 1, 600, last('!')}));
}

TEST_F(TokenizerTest, SkipsTheMarkThatIsIotasOtherCase) {
  TextRules rules;
  EXPECT_EQ(tokenizer(rules).encode("!\u0345?").ids,
            (Ids{last('!'), last('?')}));  // as open_clip, without regard to case
  rules.special.found_in = SpecialTokens::FoundIn::kRaw;
  EXPECT_EQ(tokenizer(rules).encode("!\u0345?").pieces, (std::vector<std::string>{"!", "Í", "ħ", "?</w>"}));
}

TEST_F(TokenizerTest, FindsSpecialTokensBeforeCleaning) {
  TextRules rules;
  rules.lower = LowerCase::kHuggingFace;
  rules.special = {SpecialTokens::FoundIn::kRaw, {{"<s>", 600}, {"<s>>", 601}}};
  EXPECT_EQ(tokenizer(rules).encode("LOW<s>low").ids, (Ids{kFirstMerge + 1, 600, kFirstMerge + 1}));
  EXPECT_EQ(tokenizer(rules).encode("<s>><s>").pieces, (std::vector<std::string>{"<s>>", "<s>"}));
  EXPECT_EQ(tokenizer(rules).encode("<S>").ids, (Ids{last('<'), last('s'), last('>')}));  // none in the prompt
}

TEST_F(TokenizerTest, PutsTokensAroundAndPads) {
  TextRules rules;
  rules.length = 6;
  rules.pad = 7;
  rules.begin = 600;
  rules.end = 601;
  rules.special.ids = {{"<begin>", 600}};
  const Tokenizer clip = tokenizer(rules);
  const Tokens tokens = clip.encode("a b");
  EXPECT_EQ(tokens.ids, (Ids{600, last('a'), last('b'), 601}));
  EXPECT_EQ(tokens.pieces, (std::vector<std::string>{"<begin>", "a</w>", "b</w>", ""}));
  EXPECT_EQ(clip.padded(tokens), (Ids{600, last('a'), last('b'), 601, 7, 7}));
  EXPECT_EQ(clip.padded(clip.encode("")), (Ids{600, 601, 7, 7, 7, 7}));
  EXPECT_EQ(clip.size(), 602);
}

TEST_F(TokenizerTest, CountsWhatHasNoRoom) {
  TextRules rules;
  rules.length = 4;
  rules.begin = 600;
  rules.end = 601;
  const Tokens kept = tokenizer(rules).encode("a b c d e");
  EXPECT_EQ(kept.ids, (Ids{600, last('a'), last('b'), 601}));
  EXPECT_EQ(kept.dropped, 3);
  EXPECT_EQ(tokenizer(rules).encode("a b").dropped, 0);
  EXPECT_EQ(tokenizer(rules).encode("a b c").dropped, 1);
  rules.keep_end = false;
  const Tokens cut = tokenizer(rules).encode("a b c d e");
  EXPECT_EQ(cut.ids, (Ids{600, last('a'), last('b'), last('c')}));
  EXPECT_EQ(cut.dropped, 2);
  const Tokens without_end = tokenizer(rules).encode("a b c");
  EXPECT_EQ(without_end.ids, (Ids{600, last('a'), last('b'), last('c')}));
  EXPECT_EQ(without_end.dropped, 0);
}

TEST_F(TokenizerTest, ReadsAllFormsOfOneVocabularyAlike) {
  const std::string alphabet = tokenizer().encode("a").pieces[0];
  EXPECT_EQ(alphabet, "a</w>");
  const std::string windows = "#version\r\nl o\r\nlo w</w>\r\nlo w\r\ne r</w>\r\nlow er</w>\r\n";
  EXPECT_EQ(Tokenizer::clip_bpe(folder_.write("windows.txt", windows), {}).encode("lower low").ids,
            tokenizer().encode("lower low").ids);
}

TEST_F(TokenizerTest, RefusesRulesThatMakeNoSense) {
  const auto refused = [&](TextRules rules) { return message_of<InputError>([&] { tokenizer(rules); }); };
  TextRules rules;
  rules.begin = -1;
  EXPECT_TRUE(contains(refused(rules), "begin token"));
  rules.begin = 1;
  rules.end = 2;
  rules.length = 2;
  EXPECT_TRUE(contains(refused(rules), "no room"));
  rules.length = 3;
  rules.special.ids = {{"<s>", int64_t{1} << 40}};
  EXPECT_TRUE(contains(refused(rules), "<s>"));
  rules.special.ids = {{std::string(65, 'a'), 1}};
  EXPECT_TRUE(contains(refused(rules), "64 bytes"));
}

TEST_F(TokenizerTest, TakesLongWordsInGoodTime) {
  const size_t letters = size_t{64} << 10;
  EXPECT_EQ(tokenizer().encode(std::string(letters, 'x')).ids.size(), letters);
  std::string low;
  while (low.size() + 3 <= letters) low += "low";
  EXPECT_EQ(tokenizer().encode(low).ids.size(), letters / 3);
}

}  // namespace
}  // namespace legrad
