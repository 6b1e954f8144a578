// What is evaluated: the metrics and controls that were asked for, and what controls say where the answer is known.

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/image.h>

#include "eval/metrics/formulas.h"
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

TEST(Evaluation, GivesControlsARowOnlyWhereAMetricSaysSomethingOfThem) {
  const testing::TemporaryFolder folder;
  const Table table =
      test::evaluated(folder.path(), {.metrics = "max_sensitivity,mprt", .controls = "random,shuffled"}, {.limit = 1});
  std::vector<std::string> rows;
  for (const Row& row : table.rows) rows.push_back(row.metric + " of " + row.method);
  EXPECT_EQ(rows, (std::vector<std::string>{"max_sensitivity of legrad", "max_sensitivity of rollout",
                                            "max_sensitivity of legrad on shuffled weights",
                                            "max_sensitivity of rollout on shuffled weights", "mprt of legrad",
                                            "mprt of rollout", "mprt of random"}));
  EXPECT_FALSE(table.metrics[0].tells_from_random.has_value());
}

// Three pictures all point one way in a quarter of all cases; every method has as many chances as it has rivals.
TEST(Evaluation, TellsMethodsFromRandomByEnoughPicturesHoweverManyMethods) {
  const testing::TemporaryFolder folder;
  const auto data = scenes();
  std::string methods = "legrad";
  for (int i = 1; i < 30; ++i) methods += ",legrad/layers=-1/negative_slope=" + std::to_string(i / 100.0);
  const Evaluation evaluation(Explainer::load(LEGRAD_MODELS "/emoji-vit", {.methods = methods}), *data,
                              {.metrics = "pixel_ap", .controls = "random"});
  const auto after = [&](int64_t pictures) {
    run(evaluation, *scenes(), {.out = folder.path(), .limit = pictures, .resume = pictures > 1});
    return tabulate(evaluation, folder.path());
  };
  for (const int64_t few : {1, 3}) {
    const Table table = after(few);
    EXPECT_EQ(table.metrics[0].tells_from_random, false) << few << " pictures";
    EXPECT_EQ(row(table, "legrad", "pixel_ap").beats_random, false) << few << " pictures";
  }
  const Table table = after(12);
  EXPECT_EQ(table.metrics[0].tells_from_random, true);
  EXPECT_EQ(row(table, "legrad", "pixel_ap").beats_random, true);
}

TEST(Evaluation, RandomisesFromTheReadoutDown) {
  const auto data = scenes();
  const Explainer& explainer = emoji_vit();
  const Evaluation evaluation(explainer, *data, {.metrics = "randomisation", .controls = "random", .seed = 3});
  const auto sample = *data->next();
  const Counted counted = evaluation.count(sample, read_image(sample.picture));
  ASSERT_EQ(counted.counts.size(), 3U);
  EXPECT_EQ(counted.counts[2][0][0], 1) << "a map that looks at no model is the same by any";

  const Vit other = load_model(explainer.bundle(), {.shuffled_weights = 3});
  const at::Tensor input = preprocess(read_image(sample.picture), explainer);
  const int64_t best = explainer.vit().forward(input).argmax(1).item<int64_t>();
  const int64_t blocks = explainer.vit().structure().blocks;
  for (size_t method = 0; method < 2; ++method) {
    const auto map_by = [&](const Vit& vit) {
      const Explainer by(explainer.bundle(), vit, {.methods = explainer.methods()[method].spec});
      return by.explain(input, {.classes = {std::to_string(best)}}).maps[0][0][0];
    };
    const at::Tensor map = map_by(explainer.vit());
    std::vector<at::Tensor> steps;
    for (int64_t own = blocks; own >= 0; --own) steps.push_back(map_by(explainer.vit().followed_by(other, own)));
    steps.push_back(map_by(other));
    double sum = 1;
    for (const at::Tensor& step : steps) sum += rank_similarity(map, step);
    const auto& sums = counted.counts[method][0];
    ASSERT_EQ(sums.size(), 4 + steps.size());
    EXPECT_NEAR(sums[0], sum / static_cast<double>(steps.size() + 1), 1e-5);
    EXPECT_NEAR(sums[2], histogram_entropy(steps.back()) / histogram_entropy(map) - 1, 1e-5);
    EXPECT_NEAR(sums[4], rank_similarity(map, steps.front()), 1e-5);
  }
  // Rollout does not see the readout.
  EXPECT_NEAR(counted.counts[1][0][4], 1, 1e-6);
  EXPECT_LT(counted.counts[0][0][0], 0.9);
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

TEST(Evaluation, RefusesPartsOfClassesThatAreNotTheModels) {
  const auto data = open_data_set(LEGRAD_TEST_DATA "/eval/funny_parts", "funnybirds");
  const auto said = message_of<InputError>([&] { Evaluation(emoji_vit(), *data, {.metrics = "co12"}); });
  EXPECT_TRUE(contains(said, "60 classes must be the data's"));
}

TEST(Evaluation, AsksForTheBestWordsOfTheDataOfAModelThatIsAskedInWords) {
  const Explainer clip = Explainer::load(LEGRAD_MODELS "/emoji-clip", {.methods = "legrad"});
  const auto data = scenes();
  EXPECT_TRUE(contains(message_of<InputError>([&] { Evaluation(clip, *data, {}); }), "give classes in words"));
}

}  // namespace
}  // namespace legrad::eval
