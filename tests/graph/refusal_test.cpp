// Files that must be refused: quickly, in one line that names what is wrong, without crash, hang, gigabytes or a file
// touched. Every file is loaded in a process of its own (made by tests/oracle/make_refusals.py; each has one thing
// wrong).

#include <gtest/gtest.h>
#include <legrad/vit.h>

#include <filesystem>
#include <optional>
#include <ostream>
#include <string>

#include "support/in_child.h"
#include "support/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using legrad::Reason;
using legrad::testing::Outcome;

Outcome load(const fs::path& file, const legrad::LoadOptions& options, const fs::path& folder) {
  return legrad::testing::in_child([&] { (void)legrad::Vit::load(file, options); }, folder);
}

fs::path refusals_folder() { return fs::path(LEGRAD_TEST_DATA) / "refusals"; }

struct Refusal {
  std::string file;
  Reason reason;
  std::string words;                           ///< part of the message
  std::optional<legrad::ImageSize> size = {};  ///< given when it is loaded
  std::string variant = {};                    ///< what sets it apart from another load of the same file
};

void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.file << refusal.variant << ".pt"; }

class RefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, IsRefusedQuicklyAndByName) {
  const auto& [name, reason, words, size, variant] = GetParam();
  const legrad::testing::TemporaryFolder folder;
  ASSERT_TRUE(name == "missing" || fs::exists(refusals_folder() / (name + ".pt")));

  legrad::LoadOptions options;
  options.input_size = size;
  const auto outcome = load(refusals_folder() / (name + ".pt"), options, folder.path());

  SCOPED_TRACE(name + ": " + outcome.message);
  RecordProperty("message", outcome.message);
  ASSERT_NE(outcome.kind, Outcome::Kind::kDone) << "was not refused";
  EXPECT_EQ(outcome.kind, Outcome::Kind::kModelError);
  EXPECT_EQ(outcome.message.find('\n'), std::string::npos) << "the message is not one line";
  EXPECT_STREQ(legrad::to_string(outcome.reason), legrad::to_string(reason));
  EXPECT_NE(outcome.message.find(words), std::string::npos) << "the message does not say what is wrong: " << words;
  EXPECT_LE(outcome.seconds, legrad::testing::kSecondsAllowed);
  EXPECT_LE(outcome.kilobytes, legrad::testing::kKilobytesAllowed);
  EXPECT_EQ(folder.entries(), 0U) << "loading wrote a file";
}

INSTANTIATE_TEST_SUITE_P(
    Files, RefusalTest,
    testing::Values(
        // no model
        Refusal{"missing", Reason::kNotAModel, "no model file"}, Refusal{"folder", Reason::kNotAModel, "but a folder"},
        Refusal{"empty", Reason::kNotAModel, "it is empty"}, Refusal{"text", Reason::kNotAModel, "a text file"},
        Refusal{"pickle", Reason::kNotAModel, "a pickle of torch.save"},
        Refusal{"state_dict", Reason::kNotAModel, "a state dict"}, Refusal{"truncated", Reason::kDamaged, "cut off"},
        Refusal{"flipped_weight", Reason::kDamaged, "checksum"}, Refusal{"flipped_code", Reason::kDamaged, "checksum"},
        Refusal{"short_weight", Reason::kDamaged, "should hold 3072 bytes"},
        // a model of another kind
        Refusal{"cnn", Reason::kNoAttention, "no self-attention"},
        Refusal{"swin", Reason::kUnknownAttention, "an attention"},
        Refusal{"swin", Reason::kUnknownAttention, "an attention", legrad::ImageSize{32, 32}, "_of_known_size"},
        Refusal{"text_ids", Reason::kOtherInput, "no patch embedding"},
        Refusal{"from_tokens", Reason::kOtherInput, "no patch embedding"},
        Refusal{"two_images", Reason::kOtherInput, "\"second\""},
        Refusal{"no_output_row", Reason::kNoSuitableOutput, "[2, 17, 16]"},
        Refusal{"quantised_statically", Reason::kQuantised, "quantize_dynamic"},
        Refusal{"quantised_to_halves", Reason::kQuantised, "weights of 16 bits"},
        Refusal{"quantised_buffer", Reason::kQuantised, "no weight of a linear layer"},
        // one line that cannot be explained rightly
        Refusal{"training_dropout", Reason::kTrainingMode, "model.eval()"},
        Refusal{"adds_noise", Reason::kTrainingMode, "aten::rand_like"},
        Refusal{"branches_on_pixels", Reason::kDependsOnPixels, "branches"},
        Refusal{"number_from_pixels", Reason::kDependsOnPixels, "aten::Float"},
        Refusal{"mixes_images", Reason::kMixesImages, "images"},
        Refusal{"foreign_operator", Reason::kNotAllowed, "legrad_test_foreign"},
        // an exported program with one thing wrong
        Refusal{"exported_pickled_weight", Reason::kNotAllowed, "pickled"},
        Refusal{"exported_other_schema", Reason::kNotAllowed, "version 9.20"},
        Refusal{"exported_older_layout", Reason::kNotAllowed, "older layout"},
        Refusal{"exported_package", Reason::kNotAModel, "an AOTInductor package"},
        Refusal{"exported_short_weight", Reason::kDamaged, "3072 bytes"},
        Refusal{"exported_long_strides", Reason::kDamaged, "3072 bytes"},
        Refusal{"exported_negative_size", Reason::kDamaged, "size or stride of -3"},
        Refusal{"exported_path", Reason::kNotAllowed, "outside its folder"},
        Refusal{"exported_foreign_operator", Reason::kNotAllowed, "legrad_test_foreign"},
        Refusal{"exported_condition", Reason::kNotAllowed, "higher-order"},
        Refusal{"exported_quantised", Reason::kQuantised, "quantised models are not supported as .pt2"},
        Refusal{"exported_unknown_operator", Reason::kNotAllowed, "gelu3"},
        Refusal{"exported_no_weight", Reason::kDamaged, "no weight \"head.bias\""},
        Refusal{"exported_nested", Reason::kTooLarge, "nested more than 64 deep"},
        Refusal{"exported_no_json", Reason::kDamaged, "no valid JSON"},
        Refusal{"exported_big_endian", Reason::kNotAllowed, "big-endian"},
        Refusal{"exported_mutated_buffer", Reason::kWritesInPlace, "weights"},
        // code that would do harm
        Refusal{"writes_a_file", Reason::kNotAllowed, "torch.save"},
        Refusal{"state_writes_a_file", Reason::kNotAllowed, "__setstate__"},
        Refusal{"state_loops_for_ever", Reason::kNotAllowed, "__setstate__"},
        Refusal{"loops_for_ever", Reason::kTooLarge, "more than 1000 times"},
        Refusal{"loops_long", Reason::kTooLarge, "more than 1000 times"},
        Refusal{"loops_nested", Reason::kTooLarge, "more than 1000 times"},
        Refusal{"zeros_of_terabytes", Reason::kTooLarge, "aten::zeros"},
        Refusal{"repeats_to_terabytes", Reason::kTooLarge, "aten::repeat"},
        Refusal{"doubles_to_terabytes", Reason::kTooLarge, "aten::cat"},
        Refusal{"list_of_terabytes", Reason::kTooLarge, "aten::mul"},
        Refusal{"text_of_terabytes", Reason::kTooLarge, "aten::add"}),
    [](const auto& info) { return info.param.file + info.param.variant; });

/// The model that the others are made of, without anything wrong: what is refused above is the one bad line.
TEST(RefusalControl, TheModelWithoutTheBadLineIsAccepted) {
  const legrad::testing::TemporaryFolder folder;
  const auto outcome = load(refusals_folder() / "accepted.pt", {}, folder.path());
  EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.message;
  EXPECT_LE(outcome.kilobytes, legrad::testing::kKilobytesAllowed);
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(RefusalControl, TheModelWithInt8WeightsIsAccepted) {
  const legrad::testing::TemporaryFolder folder;
  for (const char* name : {"accepted_int8.pt", "accepted_int8_by_channel.pt"}) {
    const auto outcome = load(refusals_folder() / name, {}, folder.path());
    EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << name << ": " << outcome.message;
  }
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(RefusalControl, TheSameModelAsAnExportedProgramIsAccepted) {
  const legrad::testing::TemporaryFolder folder;
  const auto outcome = load(refusals_folder() / "exported_accepted.pt", {}, folder.path());
  EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.message;
}

}  // namespace
