#include <legrad/methods.h>

#include <nlohmann/json.hpp>

#include "support/legrad_program.h"

namespace legrad {
namespace {

using testing::contains;

class MethodsCommand : public testing::LegradProgram {};

TEST_F(MethodsCommand, ListsEveryRow) {
  const std::string text = succeeds({"methods"}).out;
  const auto json = nlohmann::json::parse(succeeds({"methods", "--json"}).out);
  const Methods known = built_in_methods();
  ASSERT_EQ(json.size(), known.rows().size());
  for (size_t i = 0; i < json.size(); ++i) {
    const MethodRow& row = known.rows()[i];
    EXPECT_EQ(json[i].at("name"), row.name);
    EXPECT_EQ(json[i].at("title"), row.title);
    EXPECT_EQ(json[i].at("source"), row.source);
    EXPECT_EQ(json[i].at("looks_at_target"), row.looks_at_target);
    EXPECT_TRUE(contains(text, row.name));
    ASSERT_EQ(json[i].at("options").size(), row.options.size());
    for (size_t k = 0; k < row.options.size(); ++k) {
      const auto& listed = json[i].at("options")[k];
      EXPECT_EQ(listed.at("key"), row.options[k].key);
      EXPECT_EQ(listed.at("meaning"), row.options[k].meaning);
      EXPECT_EQ(listed.at("type"), type_name(row.options[k].type));
      EXPECT_EQ(listed.value("default", nlohmann::json()).is_null(), row.options[k].default_value.empty());
      EXPECT_TRUE(contains(text, row.options[k].key + "="));
    }
  }
}

TEST_F(MethodsCommand, TakesNothingElse) { refuses({"methods", "legrad"}, "legrad"); }

}  // namespace
}  // namespace legrad
