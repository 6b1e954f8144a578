// What a table says of rows: who leads, whether by chance, and the same in every format.

#include <gtest/gtest.h>
#include <legrad/eval/table.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "eval/ranking.h"
#include "support/message_of.h"

namespace legrad::eval {
namespace {

using testing::contains;

Table small() {
  Table table;
  table.settings = R"({"model":"a|b"})";
  table.pictures = 3;
  table.left_out = {{"x.png", "is | broken"}};
  table.left_out_count = 1;
  table.metrics = {{"good", "how good", "a source", "a formula", true, true},
                   {"poor", "how poor", "s", "f", false, false}};
  table.rows = {
      {"legrad", false, "good", 0.25, 0.01, 3, -0.5, 0.02, true},
      {"roll,out", false, "good", 0.75, 0.01, 3, 0.0, 0.0, true},
      {"random", true, "good", 0.1, {}, 3, {}, {}, {}},
      {"legrad", false, "poor", std::numeric_limits<double>::quiet_NaN(), {}, 0, {}, {}, {}},
      {"roll,out", false, "poor", 0.5, {}, 3, {}, {}, {}},
  };
  return table;
}

TEST(Table, RanksMethodsWhereTheyCanBeToldFromRandom) {
  const Table table = small();
  const auto good = ranked(table, table.metrics[0]);
  EXPECT_EQ(good[0].method, "roll,out");
  EXPECT_EQ(good[1].method, "legrad");
  EXPECT_EQ(good[2].method, "random");
  EXPECT_EQ(ranked(table, table.metrics[1])[0].method, "legrad");  // as given: nothing to rank
  EXPECT_TRUE(contains(verdict(table.metrics[0]), "tells methods from a random map"));
  EXPECT_EQ(verdict({"unknown", "", "", "", true, {}}), "");
  EXPECT_TRUE(contains(verdict(table.metrics[1]), "ranks nothing"));
}

TEST(Table, SaysTheSameInEveryFormat) {
  const Table table = small();
  const auto json = nlohmann::json::parse(table_json(table));
  EXPECT_EQ(json.at("rows").size(), 5);
  EXPECT_EQ(json.at("rows")[0].at("stderr"), 0.01);
  EXPECT_TRUE(json.at("rows")[3].at("value").is_null());
  EXPECT_EQ(json.at("settings").at("model"), "a|b");
  EXPECT_TRUE(contains(table_csv(table), "\"roll,out\",0,good,0.75,"));
  EXPECT_TRUE(contains(table_csv(table), "legrad,0,poor,,,0,,,\n"));
  EXPECT_TRUE(contains(table_markdown(table), "| `legrad` | 0.2500 ± 0.0100 | -0.5000 ± 0.0200 | yes | 3 |"));
  EXPECT_TRUE(contains(table_markdown(table), "x.png: is \\| broken"));
  EXPECT_TRUE(contains(table_text(table), "roll,out  0.7500 ± 0.0100"));
}

}  // namespace
}  // namespace legrad::eval
