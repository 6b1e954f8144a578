// Files that must be refused: quickly, in one line that names what is wrong, without crash, hang, gigabytes or a file
// touched. Every file is loaded in a process of its own (made by tests/oracle/make_refusals.py; each has one thing
// wrong).

#include <gtest/gtest.h>
#include <legrad/vit.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "support/in_child.h"
#include "support/temporary_folder.h"

namespace {

namespace fs = std::filesystem;
using legrad::testing::Outcome;

Outcome load(const fs::path& file, const legrad::LoadOptions& options, const fs::path& folder) {
  return legrad::testing::in_child([&] { (void)legrad::Vit::load(file, options); }, folder);
}

fs::path refusals_folder() { return fs::path(LEGRAD_TEST_DATA) / "refusals"; }

struct Refusal {
  std::string file;
  legrad::Reason reason;
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

const std::vector<std::string> kDamaged = {"CRC", "checksum", "damaged", "corrupt"};
const std::vector<std::string> kNoArchive = {"archive", "zip", "TorchScript"};
const std::vector<std::string> kLoop = {"loop", "iterations", "trips"};
const std::vector<std::string> kSize = {"bytes", "elements", "memory", "GiB", "MiB", "large", "size"};

INSTANTIATE_TEST_SUITE_P(
    Files, RefusalTest,
    testing::Values(
        // no model
        Refusal{"missing", {"exist", "no such", "not found", "no model file"}},
        Refusal{"folder", {"folder", "directory"}}, Refusal{"empty", {"empty", "archive", "zip"}},
        Refusal{"text", kNoArchive}, Refusal{"pickle", kNoArchive},
        Refusal{"state_dict", {"TorchScript", "code", "export"}},
        Refusal{"truncated", {"archive", "zip", "truncated", "incomplete"}}, Refusal{"flipped_weight", kDamaged},
        Refusal{"flipped_code", kDamaged}, Refusal{"short_weight", {"size", "bytes", "short", "damaged"}},
        // a model of another kind
        Refusal{"cnn", {"attention"}}, Refusal{"swin", {"attention", "window", "input size"}},
        Refusal{"swin", {"attention", "window"}, legrad::ImageSize{32, 32}, "_of_known_size"},
        Refusal{"text_ids", {"input", "image"}}, Refusal{"from_tokens", {"input", "image"}},
        Refusal{"two_images", {"input"}}, Refusal{"no_output_row", {"output"}}, Refusal{"quantised", {"quanti"}},
        // one line that cannot be explained rightly
        Refusal{"training_dropout", {"dropout", "training"}}, Refusal{"adds_noise", {"rand"}},
        Refusal{"branches_on_pixels", {"branch", "pixel", "depends", "prim::If"}},
        Refusal{"number_from_pixels", {"number from", "pixel", "depends", "aten::Float", "value of"}},
        Refusal{"mixes_images", {"batch", "other images", "images of"}},
        Refusal{"foreign_operator", {"legrad_test_foreign"}},
        // an exported program with one thing wrong
        Refusal{"exported_pickled_weight", {"pickle"}}, Refusal{"exported_other_schema", {"version 9.20"}},
        Refusal{"exported_older_layout", {"older layout"}}, Refusal{"exported_package", {"models/model.json"}},
        Refusal{"exported_short_weight", {"bytes"}}, Refusal{"exported_long_strides", {"bytes"}},
        Refusal{"exported_negative_size", {"size or stride"}}, Refusal{"exported_path", {"outside its folder"}},
        Refusal{"exported_foreign_operator", {"legrad_test_foreign"}}, Refusal{"exported_condition", {"higher-order"}},
        Refusal{"exported_unknown_operator", {"no such operator"}}, Refusal{"exported_no_weight", {"no weight"}},
        Refusal{"exported_nested", {"nested"}}, Refusal{"exported_no_json", {"damaged"}},
        Refusal{"exported_big_endian", {"big-endian"}}, Refusal{"exported_mutated_buffer", {"weights"}},
        // code that would do harm
        Refusal{"writes_a_file", {"aten::save", "torch.save", "file"}},
        Refusal{"state_writes_a_file", {"__setstate__"}}, Refusal{"state_loops_for_ever", {"__setstate__"}},
        Refusal{"loops_for_ever", kLoop}, Refusal{"loops_long", kLoop},
        Refusal{"loops_nested", {"loop", "iterations", "trips", "steps", "operations"}},
        Refusal{"zeros_of_terabytes", kSize}, Refusal{"repeats_to_terabytes", kSize},
        Refusal{"doubles_to_terabytes", kSize},
        Refusal{"list_of_terabytes",
                {"bytes", "elements", "memory", "GiB", "MiB", "large", "size", "list", "aten::mul"}},
        Refusal{"text_of_terabytes", {"bytes", "memory", "GiB", "MiB", "large", "size", "text", "string", "str"}}),
    [](const auto& info) { return info.param.file + info.param.variant; });

/// The model that the others are made of, without anything wrong: what is refused above is the one bad line.
TEST(RefusalControl, TheModelWithoutTheBadLineIsAccepted) {
  const legrad::testing::TemporaryFolder folder;
  const auto outcome = load(refusals_folder() / "accepted.pt", {}, folder.path());
  EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.message;
  EXPECT_LE(outcome.kilobytes, legrad::testing::kKilobytesAllowed);
  EXPECT_EQ(folder.entries(), 0U);
}

TEST(RefusalControl, TheSameModelAsAnExportedProgramIsAccepted) {
  const legrad::testing::TemporaryFolder folder;
  const auto outcome = load(refusals_folder() / "exported_accepted.pt", {}, folder.path());
  EXPECT_EQ(outcome.kind, Outcome::Kind::kDone) << outcome.message;
}

}  // namespace
