// Runs that stop and go on count nothing twice and lose nothing.

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <legrad/error.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "eval/picture_log.h"
#include "eval/scenes.h"
#include "io/read_file.h"
#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad::eval {
namespace {

using testing::contains;
using testing::message_of;

std::string text_of(const std::filesystem::path& file) { return io::read_file(file, uint64_t{1} << 26, "file"); }

const EvaluationOptions kOptions = {.metrics = "pixel_ap,pointing", .controls = "random,centred_blob", .seed = 5};

TEST(Run, GoesOnWhereAKilledOneStopped) {
  const testing::TemporaryFolder folder;
  const Table whole = test::evaluated(folder / "whole", kOptions);
  test::evaluated(folder / "parts", kOptions, {.limit = 5});
  const auto log = folder / "parts" / "pictures.jsonl";
  std::ofstream(log, std::ios::app) << R"({"id": "half a li)";  // killed while it wrote
  const Table parts = test::evaluated(folder / "parts", kOptions, {.resume = true});
  EXPECT_EQ(text_of(log), text_of(folder / "whole" / "pictures.jsonl"));
  EXPECT_EQ(table_json(parts), table_json(whole));
  test::evaluated(folder / "parts", kOptions, {.resume = true});  // all done: nothing is added
  EXPECT_EQ(text_of(log), text_of(folder / "whole" / "pictures.jsonl"));
}

TEST(Run, OverwritesNothingAndMixesNothing) {
  const testing::TemporaryFolder folder;
  test::evaluated(folder.path(), kOptions, {.limit = 1});
  EXPECT_TRUE(contains(message_of<InputError>([&] { test::evaluated(folder.path(), kOptions); }), "--resume"));
  EvaluationOptions other = kOptions;
  other.seed = 6;
  const auto said = message_of<InputError>([&] { test::evaluated(folder.path(), other, {.resume = true}); });
  EXPECT_TRUE(contains(said, "other settings (seed)"));

  Bundle brighter = test::emoji_vit().bundle();
  brighter.preprocessing.mean = {0, 0, 0};
  const auto data = test::scenes();
  const Evaluation evaluation(Explainer(brighter, test::emoji_vit().vit(), {.methods = "legrad,rollout"}), *data,
                              kOptions);
  const auto go_on = [&](const RunOptions& options) {
    return message_of<InputError>([&] { run(evaluation, *test::scenes(), options); });
  };
  EXPECT_TRUE(contains(go_on({.out = folder.path(), .resume = true}), "other settings (preprocessing)"));
  const auto template_changed = RunOptions{.out = folder.path(), .resume = true, .told = {{"templates", "a {}"}}};
  EXPECT_TRUE(contains(go_on(template_changed), "other settings (preprocessing, templates)"));
}

TEST(Run, IsTheOnlyOneThatWritesItsFolder) {
  const testing::TemporaryFolder folder;
  const auto file = folder / "pictures.jsonl";
  {
    const PictureLog first(file, "{}", false);
    EXPECT_TRUE(contains(message_of<InputError>([&] { PictureLog(file, "{}", true); }), "another run writes"));
  }
  EXPECT_EQ(PictureLog(file, "{}", true).size(), 0);
}

TEST(Run, GivesTheSameWithAnyNumberOfThreads) {
  const testing::TemporaryFolder folder;
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Table one = test::evaluated(folder / "one", kOptions, {.limit = 4});
  at::set_num_threads(2);
  const Table two = test::evaluated(folder / "two", kOptions, {.limit = 4});
  at::set_num_threads(before);
  ASSERT_EQ(one.rows.size(), two.rows.size());
  for (size_t i = 0; i < one.rows.size(); ++i) {
    EXPECT_NEAR(one.rows[i].value, two.rows[i].value, one.rows[i].control ? 0 : 1e-6) << one.rows[i].method;
  }
}

TEST(Run, LeavesOutWhatCannotBeReadAndSaysSo) {
  const testing::TemporaryFolder folder;
  std::filesystem::copy(LEGRAD_MODELS "/../examples/scenes", folder / "scenes");
  std::filesystem::remove(folder / "scenes/scene-02.png");
  std::ofstream(folder / "scenes/scene-03.png") << "no picture";
  const auto data = open_data_set(folder / "scenes", "coco");
  const Evaluation evaluation(test::emoji_vit(), *data, kOptions);
  std::filesystem::create_directory(folder / "out");
  run(evaluation, *data, {.out = folder / "out"});
  const Table table = tabulate(evaluation, folder / "out");
  EXPECT_EQ(table.pictures, 10);
  EXPECT_EQ(table.left_out_count, 2);
  ASSERT_EQ(table.left_out.size(), 2);
  EXPECT_TRUE(contains(table.left_out[0].second, "scene-02.png"));

  const auto again = open_data_set(folder / "scenes", "coco");
  std::filesystem::create_directory(folder / "strict");
  EXPECT_THROW(run(evaluation, *again, {.out = folder / "strict", .strict = true}), InputError);
}

}  // namespace
}  // namespace legrad::eval
