// Each step of cleaning, on cases worked out by hand from what Unicode, HTML, ftfy and big_vision say.

#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/text.h>

#include <string>
#include <utility>
#include <vector>

#include "support/message_of.h"

namespace legrad {
namespace {

using testing::contains;
using testing::message_of;

std::string cleaned(const std::string& prompt, std::vector<CleanStep> steps, LowerCase lower = LowerCase::kNone) {
  TextRules rules;
  rules.clean = std::move(steps);
  rules.lower = lower;
  return clean_text(prompt, rules);
}

std::string fixed(const std::string& prompt) { return cleaned(prompt, {CleanStep::kFtfyLite}); }

TEST(CleanTest, ChangesNothingUnlessTold) {
  EXPECT_EQ(cleaned("  A &amp;\u00a0“B”\n", {}), "  A &amp;\u00a0“B”\n");
  EXPECT_EQ(cleaned("", {CleanStep::kFtfyLite, CleanStep::kCanonicalize}, LowerCase::kPython), "");
}

TEST(CleanTest, LowersWordsOrLetters) {
  EXPECT_EQ(cleaned("ΟΔΟΣ ΣΑΣ.", {}, LowerCase::kPython), "οδος σας.");
  EXPECT_EQ(cleaned("ΟΔΟΣ ΣΑΣ.", {}, LowerCase::kHuggingFace), "οδοσ σασ.");
  EXPECT_EQ(cleaned("Σ ΑΣ'Α ΑΣ\u00adΑ", {}, LowerCase::kPython), "σ ασ'α ασ\u00adα");
  for (const LowerCase rule : {LowerCase::kPython, LowerCase::kHuggingFace}) {
    EXPECT_EQ(cleaned("İSTANBUL ÄÖ ẞ Ǆ", {}, rule), "i\u0307stanbul äö ß ǆ");
  }
}

TEST(CleanTest, CollapsesWhatPythonTakesForBlanks) {
  EXPECT_EQ(cleaned(" \ta\u00a0\u2003 b\x1c\x1f"
                    "c\u3000\n",
                    {CleanStep::kWhitespace}),
            "a b c");
  EXPECT_EQ(cleaned("a\u200b b\u180e", {CleanStep::kWhitespace}), "a\u200b b\u180e");
  EXPECT_EQ(cleaned(" \n ", {CleanStep::kWhitespace}), "");
}

TEST(CleanTest, Canonicalizes) {
  EXPECT_EQ(cleaned("snake_case: \"A-b\", it's {}!", {CleanStep::kCanonicalize}), "snake case Ab its");
  EXPECT_EQ(cleaned("snake_case: “A”\u2026", {CleanStep::kPunctuation}), "snakecase “A”\u2026");
}

TEST(CleanTest, LowersWhereTheStepsSaySo) {
  // With the punctuation gone first, the sigma is no longer the end of a word.
  EXPECT_EQ(cleaned("ΑΣ_Α", {CleanStep::kLower, CleanStep::kPunctuation}, LowerCase::kPython), "αςα");
  EXPECT_EQ(cleaned("ΑΣ_Α", {CleanStep::kPunctuation}, LowerCase::kPython), "ασα");
}

TEST(CleanTest, ComposesAsUnicode9Does) {
  EXPECT_EQ(cleaned("e\u0301 \u1100\u1161", {CleanStep::kNfc}), "\u00e9 \uac00");
  EXPECT_EQ(cleaned("a\u0323\u0307", {CleanStep::kNfc}), "\u1ea1\u0307");
  // U+1133B is a mark of class 7, which goes before one of class 230: since Unicode 11.
  EXPECT_EQ(cleaned("x\u0301\U0001133B", {CleanStep::kNfc}), "x\u0301\U0001133B");
  EXPECT_EQ(fixed("x\u0301\U0001133B"), "x\U0001133B\u0301");
}

TEST(CleanTest, UnescapesHtml) {
  EXPECT_EQ(fixed("fish &amp; chips &lt;3"), "fish & chips <3");
  EXPECT_EQ(fixed("&amp;amp;amp;amp; x"), "& x");
  EXPECT_EQ(fixed("&eacute;t&EACUTE; &nTILDE; &SZLIG;"), "étÉ &nTILDE; SS");
  EXPECT_EQ(fixed("&#65;&#x42;&#X43;&#68 &#128; &#0; &#x110000;"), "ABCD € \ufffd \ufffd");
  EXPECT_EQ(fixed("&notit; &notin; &copy 2020"), "¬it; ∉ © 2020");  // by the second, HTML's own
  EXPECT_EQ(fixed("&#59; & &; &# a&b"), "; & &; &# a&b");
  EXPECT_EQ(fixed("&amp&#59;x"), "&;x");  // not "&x": ftfy makes no semicolon of a number
  EXPECT_EQ(fixed("&#11; &#1; &#xFDD0;x"), "x");
  EXPECT_EQ(fixed("&#99999999999999999999999;"), "\ufffd");
}

TEST(CleanTest, LeavesHtmlThatIsMeantToTheSecondUnescaping) {
  EXPECT_EQ(fixed("<b>&EACUTE; &eacute;</b>"), "<b>&EACUTE; é</b>");
  EXPECT_EQ(fixed("&EACUTE;\n<b>\n&EACUTE;"), "É\n<b>\n&EACUTE;");
}

TEST(CleanTest, FixesLetters) {
  EXPECT_EQ(fixed("“a” ‘b’ ‛c‟ d’s ʼn"), "\"a\" 'b' 'c\" d's 'n");
  EXPECT_EQ(fixed("ﬁne ﬂuﬀ oﬃce ﬅ Ǆ ŉ"), "fine fluff office ſt DŽ 'n");
  EXPECT_EQ(fixed("ＦＵＬＬ　１２ ｶﾞ"), "FULL 12 ガ");
  EXPECT_EQ(fixed("\ufeffa\r\nb\rc\u2028d"), "a\nb\nc\nd");
  EXPECT_EQ(fixed("a\x01\x0b"
                  "b\u206a\ufff9c\x7f"),
            "abc");
  EXPECT_EQ(fixed("\x1b[1;31mred\x1b[0m \x1b[1"), "red [1");
  EXPECT_EQ(fixed("\u0093x\u0094 \u0085"), "\"x\" \u2026");
}

TEST(CleanTest, LeavesWrongDecodingAlone) { EXPECT_EQ(fixed("sÃ³ voilÃ"), "sÃ³ voilÃ"); }

TEST(CleanTest, RefusesWhatIsNoText) {
  using namespace std::string_literals;
  const auto refused = [](const std::string& prompt) {
    return message_of<InputError>([&] { clean_text(prompt, {}); });
  };
  for (const std::string& bytes : {"\xff"s, "a\xc3"s, "\xed\xa0\x80"s, "\xc0\xaf"s, "\xf4\x90\x80\x80"s, "\x80"s}) {
    EXPECT_TRUE(contains(refused(bytes), "UTF-8"));
  }
  EXPECT_TRUE(contains(refused("a\0b"s), "NUL"));
  try {
    clean_text("\xff", {});
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), Reason::kNotText);
  }
  EXPECT_TRUE(contains(refused(std::string(10 << 20, 'a')), "10485760 bytes"));
  EXPECT_EQ(clean_text(std::string(64 << 10, 'a'), {}).size(), size_t{64} << 10);
}

TEST(CleanTest, RefusesEndlessEscapes) {
  std::string prompt = "&";
  for (int i = 0; i < 200; ++i) prompt += "amp;";
  EXPECT_TRUE(contains(message_of<InputError>([&] { fixed(prompt); }), "escaped"));
}

}  // namespace
}  // namespace legrad
