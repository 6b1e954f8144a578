// docs/bundle.schema.json against what reads a manifest: the two know the same fields and refuse the same values.
#include <gtest/gtest.h>
#include <legrad/bundle.h>
#include <legrad/error.h>
#include <legrad/text.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "support/temporary_folder.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kSource = LEGRAD_SOURCE;

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

json schema() { return json::parse(contents(kSource / "docs" / "bundle.schema.json")); }

bool has_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  ADD_FAILURE() << "a type that this test does not know: " << type;
  return false;
}

bool within(const json& rules, double number, const char* least, const char* most, bool inclusive) {
  const auto fits = [&](double a, double b) { return inclusive ? a <= b : a < b; };
  return (!rules.contains(least) || fits(rules[least], number)) && (!rules.contains(most) || fits(number, rules[most]));
}

/// JSON Schema, as much of it as the file uses.
bool is_valid(const json& rules, const json& value) {
  if (rules.contains("const") && rules["const"] != value) return false;
  if (rules.contains("enum") && std::ranges::find(rules["enum"], value) == rules["enum"].end()) return false;
  if (rules.contains("type") && !has_type(value, rules["type"])) return false;
  if (value.is_number()) {
    if (!within(rules, value, "minimum", "maximum", true)) return false;
    if (!within(rules, value, "exclusiveMinimum", "exclusiveMaximum", false)) return false;
  }
  if (rules.contains("pattern") &&
      !std::regex_search(value.get<std::string>(), std::regex(std::string(rules["pattern"]))))
    return false;
  if (value.is_array() && rules.contains("items")) {
    if (!within(rules, static_cast<double>(value.size()), "minItems", "maxItems", true)) return false;
    if (!std::ranges::all_of(value, [&](const json& item) { return is_valid(rules["items"], item); })) return false;
  }
  if (!value.is_object()) return true;
  if (!within(rules, static_cast<double>(value.size()), "minProperties", "maxProperties", true)) return false;
  for (const auto& name : rules.value("required", json::array()))
    if (!value.contains(name)) return false;
  return std::ranges::all_of(value.items(), [&](const auto& item) {
    const auto properties = rules.value("properties", json::object());
    const json of_others = rules.value("additionalProperties", json::object());
    return is_valid(properties.value(item.key(), of_others), item.value());
  });
}

/// Values that the rules of one field refuse.
std::vector<json> refused_by(const json& rules) {
  if (rules.contains("const")) return {99, "x"};
  if (rules.contains("enum")) return {"no such word", 3};
  const std::string type = rules["type"];
  std::vector<json> values = {type == "string" ? json(3) : json("x"),
                              type == "object" ? json::array() : json::object()};
  const auto outside = [&](const char* bound, double step) {
    if (!rules.contains(bound)) return;
    if (type == "integer") {
      values.push_back(rules[bound].get<int64_t>() + static_cast<int64_t>(step));
    } else {
      values.push_back(rules[bound].get<double>() + step);
    }
  };
  outside("minimum", -1);
  outside("maximum", 1);
  outside("exclusiveMinimum", 0);
  outside("exclusiveMaximum", 0);
  if (type == "integer") values.push_back(1.5);
  if (type == "array") {
    const auto item = rules["items"].value("type", "") == "number" || rules["items"].value("type", "") == "integer"
                          ? json(1)
                          : json("lower");
    if (rules.contains("minItems")) values.push_back(json(rules["minItems"].get<size_t>() - 1, item));
    if (rules.contains("maxItems")) values.push_back(json(rules["maxItems"].get<size_t>() + 1, item));
    for (const auto& bad : refused_by(rules["items"])) values.push_back(json(rules.value("minItems", size_t{1}), bad));
  }
  return values;
}

using Path = json::json_pointer;

/// Every field, and every object of a list of them.
void for_each_field(const json& rules, const Path& at, const std::function<void(const Path&, const json&)>& visit) {
  const json properties = rules.value("properties", json::object());
  for (const auto& [name, of_field] : properties.items()) {
    visit(at / name, of_field);
    for_each_field(of_field, at / name, visit);
    if (of_field.contains("items")) for_each_field(of_field["items"], at / name / 0, visit);
  }
}

class SchemaTest : public ::testing::Test {
 protected:
  SchemaTest() {
    for (const char* file : {"vision.ts", "text.ts", "bpe.txt", "merges.txt", "labels.npy", "empty.npy"})
      folder_.write(file, "x");
  }

  bool is_read(const json& manifest) const {
    folder_.write("manifest.json", manifest.dump());
    try {
      (void)Bundle::open(folder_.path());
      (void)TextManifest::read(folder_.path());
      return true;
    } catch (const ModelError&) {
      return false;
    }
  }

  testing::TemporaryFolder folder_;
  const json schema_ = schema();
  const json everything_ = json::parse(R"({
    "schema_version": 1, "name": "x", "vision": "vision.ts", "kind": "siglip", "dtype": "float32",
    "preprocessing": {"size": [16, 16], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic",
                      "resize": "longest_edge_pad", "crop": 0.5, "fill": 3},
    "grid": [4, 4], "labels": ["a"], "label_embeddings": "labels.npy", "scale": 10, "bias": -1.5,
    "check": {"seed": 1, "output": [1, 2.5], "tolerance": 0.1}, "templates": ["a {}"], "empty_prompt": "a",
    "empty_embedding": "empty.npy",
    "text": {"file": "text.ts", "tokenizer": {"kind": "clip_bpe", "file": "bpe.txt", "merges": "merges.txt"},
             "clean": ["whitespace"], "lower": "python", "length": 8, "pad": 0, "begin": 1, "end": 2, "keep_end": true,
             "special": {"found_in": "raw", "tokens": {"<a>": 5}},
             "checks": [{"prompt": "a", "ids": [1, 2], "embedding": [0.5]}]}})");
};

TEST_F(SchemaTest, TakesWhatIsRead) {
  ASSERT_TRUE(is_read(everything_));
  EXPECT_TRUE(is_valid(schema_, everything_));
  EXPECT_TRUE(is_valid(schema_, json::parse(R"({"schema_version": 1, "vision": "a.pt", "licence": {}})")));
  size_t manifests = 0;
  for (const auto& folder : {kSource / "models", kSource / "tests" / "data"}) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().filename() != "manifest.json") continue;
      const auto manifest = json::parse(contents(entry.path()));
      if (!manifest.contains("vision")) continue;  // of a tokenizer alone
      EXPECT_TRUE(is_valid(schema_, manifest)) << entry.path();
      ++manifests;
    }
  }
  EXPECT_GE(manifests, 5U);
}

TEST_F(SchemaTest, RefusesWhatIsNotRead) {
  size_t fields = 0;
  for_each_field(schema_, Path(), [&](const Path& at, const json& rules) {
    ++fields;
    ASSERT_TRUE(everything_.contains(at)) << at << " is not tried";
    for (const auto& value : refused_by(rules)) {
      auto changed = everything_;
      changed[at] = value;
      EXPECT_FALSE(is_valid(schema_, changed)) << at << " " << value.dump().substr(0, 80);
      EXPECT_FALSE(is_read(changed)) << at << " " << value.dump().substr(0, 80);
    }
  });
  EXPECT_GT(fields, 40U);
}

TEST_F(SchemaTest, NamesWhatMustBeThere) {
  for (const char* required :
       {"/schema_version", "/vision", "/check/seed", "/check/output", "/text/tokenizer", "/text/tokenizer/kind",
        "/text/tokenizer/file", "/text/clean", "/text/lower", "/text/length", "/text/pad", "/text/special/tokens",
        "/text/special/found_in", "/text/checks/0/prompt", "/text/checks/0/ids"}) {
    const Path at(required);
    auto without = everything_;
    without[at.parent_pointer()].erase(at.back());
    EXPECT_FALSE(is_valid(schema_, without)) << required;
    EXPECT_FALSE(is_read(without)) << required;
  }
}

// What the sources ask a manifest for.
TEST_F(SchemaTest, KnowsEveryFieldThatIsRead) {
  std::set<std::string> listed;
  for_each_field(schema_, Path(), [&](const Path& at, const json&) { listed.insert(at.back()); });
  std::set<std::string> read;
  const std::regex asked(
      R"re((?:has|string|integer|boolean|number|numbers|strings|sizes|integers|object|objects)\("(\w+)")re");
  for (const char* file : {"src/io/manifest.cpp", "src/text/text_manifest.cpp"}) {
    const std::string source = contents(kSource / file);
    for (std::sregex_iterator match(source.begin(), source.end(), asked), end; match != end; ++match)
      read.insert((*match)[1]);
  }
  for (const char* by_helper : {"vision", "pad", "begin", "end"}) read.insert(by_helper);
  EXPECT_EQ(read, listed);
}

}  // namespace
}  // namespace legrad
