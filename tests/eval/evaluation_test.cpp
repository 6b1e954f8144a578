// What is evaluated: the metrics and controls that were asked for, and what controls say where the answer is known.

#include <gtest/gtest.h>
#include <legrad/error.h>

#include "eval/scenes.h"
#include "support/message_of.h"
#include "support/temporary_folder.h"

namespace legrad::eval {
namespace {

using test::emoji_vit;
using test::row;
using test::scenes;
using testing::contains;
using testing::message_of;

TEST(Evaluation, ControlsAreWhereTheyBelong) {
  const testing::TemporaryFolder folder;
  const Table table = test::evaluated(folder.path(), {.metrics = "pixel_ap,pointing,own_over_other"});
  EXPECT_EQ(table.pictures, 12);
  EXPECT_EQ(table.left_out_count, 0);
  // The ceiling, the floor, and a model that has learnt nothing.
  EXPECT_GT(row(table, "mask", "pixel_ap").value, 0.99);
  EXPECT_EQ(row(table, "mask", "pointing").value, 1);
  EXPECT_EQ(row(table, "mask", "own_over_other").value, 1);
  EXPECT_LT(row(table, "random", "pixel_ap").value, 0.35);
  EXPECT_LT(row(table, "legrad on shuffled weights", "pointing").value, row(table, "legrad", "pointing").value - 0.2);
  EXPECT_GT(row(table, "legrad", "pointing").value, 0.6);
  EXPECT_EQ(row(table, "legrad", "pointing").count, row(table, "random", "pointing").count);
  EXPECT_TRUE(*row(table, "mask", "pixel_ap").beats_random);
}

TEST(Evaluation, IsForTheMethodsAndControlsThatWereAskedFor) {
  const auto data = scenes();
  const Evaluation evaluation(emoji_vit(), *data, {.metrics = "pixel_ap, miou", .controls = "random,shuffled"});
  std::vector<std::string> names;
  for (const Subject& subject : evaluation.subjects()) names.push_back(subject.name);
  EXPECT_EQ(names, (std::vector<std::string>{"legrad", "rollout", "random", "legrad on shuffled weights",
                                             "rollout on shuffled weights"}));
  EXPECT_EQ(evaluation.scores(), (std::vector<std::string>{"pixel_ap", "miou"}));
}

TEST(Evaluation, RefusesWhatCannotBeMeasuredBeforeAnythingRuns) {
  const auto data = scenes();
  const auto refused = [&](const EvaluationOptions& options) {
    return message_of<InputError>([&] { Evaluation(emoji_vit(), *data, options); });
  };
  EXPECT_TRUE(contains(refused({.metrics = "p_miou"}), "needs what the data set does not have: points"));
  EXPECT_TRUE(contains(refused({.metrics = "pixel_app"}), "the nearest first: pixel_ap"));
  EXPECT_TRUE(contains(refused({.metrics = " , "}), "no metric was asked for"));
  EXPECT_TRUE(contains(refused({.controls = "oracle"}), "'oracle' is no control"));
}

TEST(Evaluation, AsksForTheBestWordsOfTheDataOfAModelThatIsAskedInWords) {
  const Explainer clip = Explainer::load(LEGRAD_MODELS "/emoji-clip", {.methods = "legrad"});
  const auto data = scenes();
  EXPECT_TRUE(contains(message_of<InputError>([&] { Evaluation(clip, *data, {}); }), "give classes in words"));
}

}  // namespace
}  // namespace legrad::eval
