// The program `legrad_bench`: what it prints is what docs/benchmarks.md is made of.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/run_program.h"

namespace legrad {
namespace {

using Arguments = std::vector<std::string>;

constexpr const char* kModel = LEGRAD_MODELS "/emoji-vit/vision.ts";

testing::Ran bench(const Arguments& more) {
  Arguments arguments = {"--model", kModel, "--runs", "1", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return testing::run_program(LEGRAD_BENCH, arguments);
}

nlohmann::json measured(const Arguments& more) {
  const auto ran = bench(more);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  return nlohmann::json::parse(ran.out, nullptr, /*allow_exceptions=*/false);
}

void expect_refused(const Arguments& more, const std::string& why) {
  const auto ran = bench(more);
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(ran.err.find(why), std::string::npos) << ran.err;
}

TEST(Bench, SaysWhatOneCaseTakes) {
  const auto result = measured({"--batch", "2", "--targets", "3", "--embeddings", "--threads", "1"});
  for (const char* key : {"forward_ms", "explain_ms", "ratio"}) EXPECT_GT(result.at(key).get<double>(), 0) << key;
  EXPECT_GE(result.at("extra_mib").get<double>(), 0);
  EXPECT_NEAR(result.at("ratio").get<double>(),
              result.at("explain_ms").get<double>() / result.at("forward_ms").get<double>(), 1e-9);
  EXPECT_EQ(result.at("batch"), 2);
  EXPECT_EQ(result.at("targets"), 3);
  EXPECT_EQ(result.at("threads"), 1);
  EXPECT_EQ(result.at("device"), "cpu");
  EXPECT_EQ(result.at("dtype"), "float32");
}

TEST(Bench, TimesEachOfSeveralMethodsAlone) {
  const auto result = measured({"--methods", "rollout,legrad/readout=token_mean"});
  double sum = 0;
  for (const char* method : {"rollout", "legrad/readout=token_mean"}) {
    const double alone = result.at("alone_ms").at(method).get<double>();
    EXPECT_GT(alone, 0) << method;
    sum += alone;
  }
  EXPECT_NEAR(result.at("sum_of_alone_ms").get<double>(), sum, 1e-9);
}

TEST(Bench, ComparesWithAnEarlierRunOfTheSameCase) {
  const testing::TemporaryFolder folder;
  auto before = measured({"--correct"});
  before["explain_ms"] = before.at("explain_ms").get<double>() * 1000;
  const std::string file = folder.write("before.json", before.dump());
  EXPECT_LT(measured({"--correct", "--against", file}).at("against").at("explain_ms").get<double>(), 0.5);
  expect_refused({"--against", file}, "its correct is true, here it is false");
  expect_refused({"--correct", "--batch", "2", "--against", file}, "is another case: its batch is 1, here it is 2");
  expect_refused({"--against", folder.write("other.json", "{}")}, "holds no result of this program");
}

TEST(Bench, RefusesWhatDoesNotFit) {
  const testing::TemporaryFolder folder;
  expect_refused({"--methods", "lagrad"}, "lagrad");
  expect_refused({"--runs", "0"}, "--runs");
  const auto ran = testing::run_program(LEGRAD_BENCH, {"--model", folder.write("broken.pt", "no archive")});
  EXPECT_EQ(ran.code, 2) << ran.err;
}

}  // namespace
}  // namespace legrad
