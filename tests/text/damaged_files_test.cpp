// Tokenizer files that are cut, changed, of another kind or too large: refused in one line, or read; never a crash, and
// in little time.

#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/text.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support/message_of.h"
#include "text/sentencepiece_writer.h"
#include "text/text_folder.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using testing::contains;
using testing::field;
using testing::message_of;
using testing::piece;
using testing::table;

const fs::path kData = LEGRAD_TEST_DATA "/text";
constexpr const char* kPrompt = "a photo of 2 cats, ΟΔΟΣ <b>été</b> 😀  \ufb01 K\u0301";

Tokenizer read_as(const std::string& kind, const fs::path& file) {
  return kind == "clip_bpe" ? Tokenizer::clip_bpe(file, {}) : Tokenizer::sentencepiece(file, {});
}

class DamagedFilesTest : public ::testing::Test {
 protected:
  /// Reads `bytes` and uses what was read; a refusal must be a `ModelError` of one line. Says whether it was refused.
  bool is_refused(const std::string& kind, const std::string& bytes) const {
    const fs::path file = folder_.write("file", bytes);
    try {
      read_as(kind, file).encode(kPrompt);
      return false;
    } catch (const ModelError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return true;
    }
  }

  std::string refusal(const std::string& kind, const std::string& bytes) const {
    return message_of<ModelError>([&] { read_as(kind, folder_.write("file", bytes)); });
  }

  /// Cuts a file at many places, and changes a few of its bytes many times.
  void fuzz(const std::string& kind, const fs::path& file) const {
    constexpr int kRounds = 100;
    const std::string bytes = testing::file_bytes(file);
    ASSERT_FALSE(bytes.empty());
    EXPECT_FALSE(is_refused(kind, bytes));
    std::mt19937 random(1);
    const auto below = [&](size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random); };
    for (int round = 0; round < kRounds; ++round) {
      is_refused(kind, bytes.substr(0, below(bytes.size())));
      std::string changed = bytes;
      for (size_t i = 0, count = 1 + below(8); i < count; ++i) {
        // Lengths and tables stand at the ends.
        const size_t end = below(2) == 0 ? bytes.size() : std::min<size_t>(bytes.size(), 200);
        const size_t place = below(2) == 0 ? below(end) : bytes.size() - 1 - below(end);
        changed[place] = static_cast<char>(below(256));
      }
      is_refused(kind, changed);
    }
  }

  testing::TemporaryFolder folder_;
};

TEST_F(DamagedFilesTest, MergesAreReadOrRefused) {
  fuzz("clip_bpe", kData / "open_clip_lower/bpe.txt.gz");
  fuzz("clip_bpe", kData / "open_clip_whitespace/bpe.txt");
}

TEST_F(DamagedFilesTest, TokenizerJsonIsReadOrRefused) { fuzz("clip_bpe", kData / "transformers_clip/tokenizer.json"); }

TEST_F(DamagedFilesTest, SentencePieceModelsAreReadOrRefused) {
  fuzz("sentencepiece", kData / "unigram/spiece.model");
  fuzz("sentencepiece", kData / "unigram_suffix/spiece.model");
  fuzz("sentencepiece", kData / "gemma_like/spiece.model");
}

TEST_F(DamagedFilesTest, AreToldFromOtherKinds) {
  EXPECT_TRUE(contains(refusal("clip_bpe", ""), "empty"));
  EXPECT_TRUE(contains(refusal("clip_bpe", "{}"), "'model'"));
  EXPECT_TRUE(contains(refusal("clip_bpe", "{"), "JSON"));
  EXPECT_TRUE(contains(refusal("clip_bpe", R"({"model": {"type": "WordPiece"}})"), "CLIP"));
  EXPECT_TRUE(contains(refusal("clip_bpe", "<html>\n<body>not found</body>\n"), "merges"));
  EXPECT_TRUE(contains(refusal("clip_bpe", "\x1f\x8b\x08"s), "gzip"));
  EXPECT_TRUE(contains(refusal("clip_bpe", testing::file_bytes(kData / "unigram/spiece.model")), "merges"));
  EXPECT_TRUE(contains(refusal("sentencepiece", ""), "no SentencePiece"));
  EXPECT_TRUE(contains(refusal("sentencepiece", "{\"model\": {}}"), "no SentencePiece"));
  EXPECT_TRUE(contains(refusal("sentencepiece", testing::file_bytes(kData / "open_clip_lower/bpe.txt.gz")),
                       "no SentencePiece"));
  EXPECT_TRUE(contains(message_of<ModelError>([&] { read_as("clip_bpe", folder_ / "none"); }), "no such file"));
  EXPECT_TRUE(contains(message_of<ModelError>([&] { read_as("sentencepiece", folder_.path()); }), "folder"));
}

TEST_F(DamagedFilesTest, AreRefusedWherePartsDoNotFit) {
  EXPECT_TRUE(contains(refusal("clip_bpe", "#version\na b c\n"), "two pieces"));
  EXPECT_TRUE(contains(refusal("clip_bpe", "#version\na \n"), "empty"));
  EXPECT_TRUE(contains(refusal("clip_bpe", "#version\na b\n\nc d"), "two pieces"));
  const auto with_vocabulary = [](const std::string& vocabulary) {
    return R"({"model": {"end_of_word_suffix": "</w>", "vocab": )" + vocabulary + R"(, "merges": []}})";
  };
  EXPECT_TRUE(contains(refusal("clip_bpe", with_vocabulary(R"({"a": 1})")), "all 256"));
  EXPECT_TRUE(contains(refusal("clip_bpe", with_vocabulary(R"({"a": -1})")), "integer"));
  const fs::path vocabulary = kData / "transformers_clip_files/vocab.json";
  EXPECT_TRUE(contains(message_of<ModelError>([&] {
                         Tokenizer::clip_bpe(vocabulary, folder_.write("merges.txt", "#version\na qqq\n"), {});
                       }),
                       "'a' and 'qqq'"));
  EXPECT_TRUE(contains(message_of<ModelError>([&] { Tokenizer::clip_bpe(vocabulary, {}); }), "merges.txt"));
}

TEST_F(DamagedFilesTest, SentencePiecesMustFitEachOther) {
  const std::string good = piece("<unk>", 2) + piece("a", 1);
  EXPECT_FALSE(is_refused("sentencepiece", good));
  EXPECT_TRUE(contains(refusal("sentencepiece", piece("a", 1)), "unknown"));
  EXPECT_TRUE(contains(refusal("sentencepiece", good + piece("<u>", 2)), "unknown"));
  EXPECT_TRUE(contains(refusal("sentencepiece", good + piece("a", 1)), "twice"));
  EXPECT_TRUE(contains(refusal("sentencepiece", good + piece("", 1)), "empty"));
  EXPECT_TRUE(contains(refusal("sentencepiece", good + piece("\xff", 1)), "UTF-8"));
  EXPECT_TRUE(contains(refusal("sentencepiece", good + piece(std::string(1000, 'b'), 1)), "256 bytes"));
  EXPECT_TRUE(contains(refusal("sentencepiece", good + piece("b", 9)), "type"));
  EXPECT_TRUE(
      contains(refusal("sentencepiece", good + piece("b", 1, std::numeric_limits<float>::quiet_NaN())), "no number"));
  EXPECT_TRUE(contains(refusal("sentencepiece", good + piece("<0x00>", 6)), "single bytes"));
  EXPECT_TRUE(contains(refusal("sentencepiece", good + field(2, "\x98\x02\x01"s)), "256"));  // byte fallback, no bytes
  EXPECT_TRUE(contains(refusal("sentencepiece", good + field(2, "\x18\x03"s)), "Unigram and BPE"));  // of words
  EXPECT_TRUE(contains(refusal("sentencepiece", good + field(3, field(2, "abc"))), "table of characters"));
}

TEST_F(DamagedFilesTest, TablesOfCharactersStayWithinBounds) {
  const std::string pieces = piece("<unk>", 2) + piece("b", 1) + piece("\u2581", 1) + piece("a", 1);
  const auto pieces_of_a = [&](const std::string& table) {
    return Tokenizer::sentencepiece(folder_.write("file", pieces + field(3, field(2, table))), {}).encode("a").pieces;
  };
  EXPECT_EQ(pieces_of_a(table(0, "b\0"s)), (std::vector<std::string>{"\u2581", "b"}));
  EXPECT_EQ(pieces_of_a(table(2, "b\0bb\0"s)), (std::vector<std::string>{"\u2581", "b", "b"}));
  EXPECT_EQ(pieces_of_a(table(1000, "b\0"s)), (std::vector<std::string>{"\u2581", "a"}));         // no such string
  EXPECT_EQ(pieces_of_a(table(0, "b\0"s, 1U << 20)), (std::vector<std::string>{"\u2581", "a"}));  // no such units
  EXPECT_EQ(pieces_of_a(table(0, "b\0"s, 1, 1U << 20)), (std::vector<std::string>{"\u2581", "a"}));
  EXPECT_THROW(pieces_of_a(table(0, "\xff\0"s)), ModelError);
  EXPECT_THROW(pieces_of_a(table(0, "b"s)), ModelError);  // no end
  // A million letters for each one: more than any table of Unicode's makes.
  const fs::path file = folder_.write("file", pieces + field(3, field(2, table(0, std::string(1 << 20, 'b') + '\0'))));
  EXPECT_THROW(Tokenizer::sentencepiece(file, {}).encode(std::string(100, 'a')), ModelError);
}

std::string packed_zeros(size_t count) {
  const std::string zeros(count, '\0');
  std::string packed(compressBound(count) + 64, '\0');
  z_stream stream = {};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = static_cast<uInt>(count);
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST_F(DamagedFilesTest, BombsAreNotUnpacked) {
  EXPECT_TRUE(contains(refusal("clip_bpe", packed_zeros(size_t{65} << 20)), "unpacks to more"));
  const fs::path large = folder_ / "large";
  std::ofstream(large).close();
  fs::resize_file(large, uint64_t{1} << 40);
  for (const char* kind : {"clip_bpe", "sentencepiece"}) {
    EXPECT_TRUE(contains(message_of<ModelError>([&] { read_as(kind, large); }), "1099511627776 bytes"));
  }
}

}  // namespace
}  // namespace legrad
