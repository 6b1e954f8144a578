// Stock exports against the oracle (tests/oracle): structure, output and every method of every fixture in
// tests/data/fixtures.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/legrad.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/message_of.h"
#include "support/test_device.h"

namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path& fixtures_folder() {
  static const char* const other = std::getenv("LEGRAD_FIXTURES");  // the whole matrix: tests/oracle/make_matrix.py
  static const fs::path folder = other ? fs::path(other) : fs::path(LEGRAD_TEST_DATA) / "fixtures";
  return folder;
}

json description_of(const std::string& name) {
  return json::parse(std::ifstream(fixtures_folder() / name / "fixture.json"));
}

/// Fixtures that are explained, or those that have to be refused.
std::vector<std::string> fixture_names(bool refused = false) {
  std::vector<std::string> names;
  if (!fs::is_directory(fixtures_folder())) {
    return names;
  }
  for (const auto& entry : fs::directory_iterator(fixtures_folder())) {
    if (fs::exists(entry.path() / "fixture.json") &&
        description_of(entry.path().filename().string()).contains("refusal") == refused) {
      names.push_back(entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// A fixture: its description, and its model, loaded once for all tests.
struct Fixture {
  fs::path folder;
  json description;
  legrad::Vit vit;
  std::vector<legrad::ChosenMethod> known;  ///< all methods that have a meaning for it, and rules

  at::Tensor array(const json& file) const { return legrad::read_npy(folder / file.get<std::string>()); }
  at::Tensor images() const { return array(description.at("images")); }
};

std::shared_ptr<const Fixture> load_fixture(const std::string& name) {
  static std::map<std::string, std::shared_ptr<const Fixture>> loaded;
  auto& fixture = loaded[name];
  if (!fixture) {
    const auto folder = fixtures_folder() / name;
    auto description = description_of(name);
    legrad::LoadOptions options{.device = legrad::testing::test_device()};
    if (description.at("size_needed").get<bool>()) {
      const auto size = description.at("structure").at("input").get<std::vector<int64_t>>();
      options.input_size = legrad::ImageSize{size.at(0), size.at(1)};
    }
    if (description.value("converted", false)) {
      options.dtype = description.at("dtype") == "float64" ? at::kDouble : at::kFloat;
    }
    auto vit = legrad::Vit::load(folder / description.at("file").get<std::string>(), options);
    auto known = legrad::built_in_methods().parse_list("all", vit);
    fixture =
        std::make_shared<const Fixture>(Fixture{folder, std::move(description), std::move(vit), std::move(known)});
  }
  return fixture;
}

/// max |found - expected| / max |expected|; infinite where the shapes differ.
testing::AssertionResult close(const at::Tensor& found, const at::Tensor& expected, double tolerance,
                               const std::string& what) {
  if (!found.defined() || found.sizes() != expected.sizes()) {
    return testing::AssertionFailure() << what << ": expected shape " << expected.sizes() << ", found "
                                       << (found.defined() ? found.sizes() : at::IntArrayRef{});
  }
  const auto scale = expected.abs().max().item<double>();
  const auto error =
      (found.to(at::kCPU, at::kDouble) - expected.to(at::kCPU, at::kDouble)).abs().max().item<double>() / scale;
  std::ostringstream text;
  text << error;
  testing::Test::RecordProperty(what, text.str());  // --gtest_output=json:FILE makes a table of errors
  if (!(error <= tolerance)) {                      // NaN is not close
    return testing::AssertionFailure() << what << ": relative error " << error << ", allowed " << tolerance;
  }
  return testing::AssertionSuccess() << what << ": relative error " << error;
}

legrad::Target target(const Fixture& fixture, const json& targets) {
  if (targets.contains("classes")) {
    return legrad::Target(targets.at("classes").get<std::vector<int64_t>>());
  }
  if (targets.contains("per_image")) {
    return legrad::Target(fixture.array(targets.at("per_image")));
  }
  const bool cosine = targets.at("similarity") == "cosine";
  return legrad::Target(fixture.array(targets.at("embeddings")),
                        cosine ? legrad::Similarity::kCosine : legrad::Similarity::kDot);
}

std::vector<int64_t> layers(const json& test_case) {
  return test_case.at("layers").is_null() ? std::vector<int64_t>{} : test_case.at("layers").get<std::vector<int64_t>>();
}

legrad::LegradOptions legrad_options(const Fixture& fixture, const json& test_case) {
  // "auto" of the oracle: the token mean where the output is read from one token.
  const bool token = fixture.description.at("structure").at("readout") == "token";
  const std::map<std::string, legrad::Readout> readouts = {
      {"auto", token ? legrad::Readout::kTokenMean : legrad::Readout::kModel},
      {"model", legrad::Readout::kModel},
      {"token_mean", legrad::Readout::kTokenMean}};
  legrad::LegradOptions options;
  options.readout = readouts.at(test_case.at("readout").get<std::string>());
  options.layers = layers(test_case);
  options.relu = test_case.at("relu").get<bool>();
  options.negative_slope = test_case.at("negative_slope").get<double>();
  if (test_case.value("rules", "") == "libra") options.rules = legrad::libra_rules();
  return options;
}

class FixtureTest : public testing::TestWithParam<std::string> {
 protected:
  const Fixture& fixture() {
    if (!fixture_) {
      fixture_ = load_fixture(GetParam());
    }
    return *fixture_;
  }

  /// Calls `check(number, case)` for every case of a method; every case is checked, whatever the others gave.
  template <class Check>
  void for_each_case(const std::string& method, Check check) {
    int64_t number = 0;
    int64_t checked = 0;
    for (const auto& test_case : fixture().description.at("cases")) {
      if (test_case.at("method") == method) {
        auto options = test_case;
        for (const auto* key : {"expected", "layer_scores", "layer_maps", "tolerance"}) {
          options.erase(key);
        }
        SCOPED_TRACE(GetParam() + ", case " + std::to_string(number) + " " + options.dump());
        try {
          check(number, test_case);
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
        ++checked;
      }
      ++number;
    }
    EXPECT_GT(checked, 0) << "the fixture has no case of " << method;
  }

 private:
  std::shared_ptr<const Fixture> fixture_;
};

TEST_P(FixtureTest, StructureIsFound) {
  const auto& found = fixture().vit.structure();
  const auto& expected = fixture().description.at("structure");
  const auto number = [&](const char* name) { return expected.at(name).get<int64_t>(); };
  const auto numbers = [&](const char* name) { return expected.at(name).get<std::vector<int64_t>>(); };

  EXPECT_EQ((std::vector<int64_t>{found.image->size.height, found.image->size.width}), numbers("input"));
  EXPECT_EQ(found.image->channels, number("channels"));
  EXPECT_EQ(found.blocks, number("blocks"));
  EXPECT_EQ(found.heads, number("heads"));
  EXPECT_EQ(found.width, number("width"));
  EXPECT_EQ(found.tokens, number("tokens"));
  EXPECT_EQ(found.image->prefix_tokens, number("prefix_tokens"));
  EXPECT_EQ((std::vector<int64_t>{found.image->grid.rows, found.image->grid.columns}), numbers("grid"));
  EXPECT_EQ(found.image->patch_positions, numbers("patch_positions"));
  EXPECT_EQ(legrad::to_string(found.readout), expected.at("readout").get<std::string>());
  EXPECT_EQ(found.readout_rows, numbers("readout_rows"));
  EXPECT_EQ(found.pooler_heads, number("pooler_heads"));
  EXPECT_EQ(found.pooler_queries, number("pooler_queries"));
  auto read = std::vector<int64_t>(static_cast<size_t>(found.pooler_queries));
  std::iota(read.begin(), read.end(), 0);
  EXPECT_EQ(found.pooler_queries_read,
            expected.contains("pooler_queries_read") ? numbers("pooler_queries_read") : read);
  EXPECT_EQ(found.output_width, number("output_width"));
  // A class token at the front can be read from the first rows alone; one at the end is read from what is not there
  // then; nor can rows of blocks that add positions, one for each of all rows.
  const bool few_rows = (expected.at("readout") == "token" || expected.at("readout") == "tokens") &&
                        expected.value("rows_stand_alone", true);
  EXPECT_EQ(fixture().vit.plan().rows_restricted, few_rows && found.readout_rows.front() == 0);
  EXPECT_EQ(found.normalized_output, expected.at("normalized_output").get<bool>());
  EXPECT_EQ(found.attention.size(), static_cast<size_t>(number("blocks")));
  if (!found.attention.empty()) RecordProperty("attention", found.attention.front());
  EXPECT_GT(found.parameters, 0);
  const auto quantised_layers = fixture().description.value("quantised_layers", int64_t{0});
  EXPECT_EQ(found.quantised ? found.quantised->layers : 0, quantised_layers);
  EXPECT_EQ(found.dtype, fixture().description.at("dtype") == "float64" ? at::kDouble : at::kFloat);
}

TEST_P(FixtureTest, OutputIsTheModels) {
  const auto& description = fixture().description;
  EXPECT_TRUE(close(fixture().vit.forward(fixture().images()), fixture().array(description.at("output")),
                    description.at("tolerance").get<double>(), "output"));
}

TEST_P(FixtureTest, LegradIsItsDefinition) {
  const auto images = fixture().images();
  for_each_case("legrad", [&](int64_t number, const json& test_case) {
    const auto name = "case" + std::to_string(number);
    const auto tolerance = test_case.at("tolerance").get<double>();
    const auto targets = target(fixture(), test_case.at("targets"));
    const auto options = legrad_options(fixture(), test_case);
    EXPECT_TRUE(close(legrad::legrad(fixture().vit, images, targets, options),
                      fixture().array(test_case.at("expected")), tolerance, name));
    if (test_case.contains("layer_maps")) {
      const auto result = legrad::legrad_by_layer(fixture().vit, images, targets, options);
      EXPECT_TRUE(close(result.maps, fixture().array(test_case.at("expected")), tolerance, name + "_by_layer"));
      EXPECT_TRUE(
          close(result.layer_scores, fixture().array(test_case.at("layer_scores")), tolerance, name + "_scores"));
      EXPECT_TRUE(
          close(result.layer_maps, fixture().array(test_case.at("layer_maps")), tolerance, name + "_layer_maps"));
    }
  });
}

/// The method of a case as it is spelled: what the oracle calls its options is what they are called here.
std::string spec(const json& test_case) {
  std::string spec = test_case.at("method").get<std::string>();
  for (const char* key : {"layers", "layer", "include_prefix", "multi_layer", "start_layer", "head_fusion",
                          "discard_ratio", "normalize", "iterations", "rules", "heads", "gamma", "gamma_patches"}) {
    if (!test_case.contains(key) || test_case.at(key).is_null()) continue;
    const auto& value = test_case.at(key);
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (value.is_array()) text = text.substr(1, text.size() - 2);  // without brackets
    spec += std::string("/") + key + "=" + text;
  }
  return spec;
}

/// Those whose definitions take too long for every row of the matrix.
bool is_by_rules(const std::string& name) {
  static const std::set<std::string> names = {
      "transformer_attribution", "partial_lrp", "text_span", "attn_lrp", "grad_eclip", "gem"};
  return names.contains(name);
}

TEST_P(FixtureTest, BaselinesAreTheirDefinitions) {
  const auto images = fixture().images();
  const auto& known = fixture().known;
  for (const auto& test_case : fixture().description.at("cases")) {
    EXPECT_NE(std::ranges::find(known, test_case.at("method").get<std::string>(), &legrad::ChosenMethod::name),
              known.end())
        << test_case.at("method") << " is defined for this model, and is refused";
  }
  for (const auto& known_method : known) {
    const auto& name = known_method.name;
    if (name == "legrad") continue;  // above
    if (!fixture().description.value("by_rules", true) && is_by_rules(name)) continue;
    for_each_case(name, [&](int64_t number, const json& test_case) {
      const auto wanted = target(fixture(), test_case.at("targets"));
      const auto found =
          legrad::explain(fixture().vit, images, wanted, {legrad::built_in_methods().get(spec(test_case))});
      EXPECT_EQ(found.maps[0].scalar_type(), fixture().vit.structure().dtype);
      EXPECT_TRUE(close(found.maps[0], fixture().array(test_case.at("expected")),
                        test_case.at("tolerance").get<double>(), name + "_" + std::to_string(number)));
    });
  }
}

TEST_P(FixtureTest, ManyMethodsAtOnceGiveWhatEachGivesAlone) {
  const auto images = fixture().images();
  const auto wanted = target(fixture(), fixture().description.at("cases").at(0).at("targets"));
  const auto& chosen = fixture().known;
  std::vector<legrad::Method> methods;
  for (const auto& each : chosen) methods.push_back(each.method);
  const auto together = legrad::explain(fixture().vit, images, wanted, methods);
  const double tolerance = fixture().description.at("tolerance").get<double>();
  EXPECT_TRUE(close(together.output, fixture().array(fixture().description.at("output")), tolerance, "output"));
  for (size_t i = 0; i < chosen.size(); ++i) {
    const auto alone = legrad::explain(fixture().vit, images, wanted, {methods[i]});
    EXPECT_TRUE(close(together.maps[i], alone.maps[0], tolerance, chosen[i].name + "_together"));
  }
}

/// What has no meaning for some models, a method or an option, is refused.
TEST_P(FixtureTest, OptionsWithoutMeaningAreRefusedByName) {
  const bool pooler = fixture().vit.structure().readout == legrad::ReadoutKind::kPooler;
  const bool differential = fixture().description.at("structure").value("differential", false);
  EXPECT_EQ(fixture().vit.structure().differential, differential);
  const auto images = fixture().images();
  const auto wanted = target(fixture(), fixture().description.at("cases").at(0).at("targets"));
  const auto check = [&](const std::string& option, const legrad::Method& method, bool refused, const char* part) {
    if (refused) {
      const auto message = legrad::testing::message_of<legrad::InputError>(
          [&] { legrad::explain(fixture().vit, images, wanted, {method}); });
      EXPECT_TRUE(legrad::testing::contains(message, part)) << option;
    } else {
      EXPECT_NO_THROW(legrad::explain(fixture().vit, images, wanted, {method})) << option;
    }
    RecordProperty(option, refused ? "refused" : "works");
  };
  check("legrad token_mean", legrad::legrad_method({.readout = legrad::Readout::kTokenMean}), pooler, "token mean");
  check("attention_cam layer", legrad::attention_cam_method({.layer = 0}), pooler, "attention_cam explains the");
  if (!differential) {
    check("raw_attention layer", legrad::raw_attention_method({.layer = 0}), pooler, "raw_attention explains the");
  }
  check("raw_attention", legrad::raw_attention_method({}), differential, "raw_attention takes attention maps as they");
  check("rollout", legrad::rollout_method({}), differential, "rollout takes attention maps as they are");
  // Those by rules are known for the last block; further down there may be an operator without one.
  const auto known = [&](const char* name) {
    return std::ranges::find(fixture().known, name, &legrad::ChosenMethod::name) != fixture().known.end();
  };
  const bool by_rules = fixture().description.value("by_rules", true);
  if (pooler || (by_rules && known("partial_lrp"))) {
    check("partial_lrp layer", legrad::partial_lrp_method({.layer = 0}), pooler, "partial_lrp explains the");
  }
  if (pooler || (by_rules && known("text_span"))) {
    check("text_span", legrad::text_span_method({}), pooler, "an attentional pooler stands");
  }
  check("grad_eclip layer", legrad::grad_eclip_method({.layer = 0}), pooler, "grad_eclip explains the");
  check("chefer_cam normalize", legrad::chefer_cam_method({.normalize = true}), !pooler, "no pooler");
}

INSTANTIATE_TEST_SUITE_P(Fixtures, FixtureTest, testing::ValuesIn(fixture_names()),
                         [](const auto& info) { return info.param; });

/// A trace of a model for images that are no square does not tell their sides.
TEST(Fixtures, SizeThatIsNotInTheFileIsAskedFor) {
  for (const auto& name : fixture_names()) {
    const auto description = description_of(name);
    if (description.at("size_needed").get<bool>()) {
      const auto message = legrad::testing::message_of<legrad::ModelError>(
          [&] { legrad::Vit::load(fixtures_folder() / name / description.at("file").get<std::string>()); });
      EXPECT_TRUE(legrad::testing::contains(message, "size")) << name;
      EXPECT_FALSE(legrad::testing::contains(message, "aten::")) << name << ": a guess was tried: " << message;
    }
  }
}

/// The fixtures are small enough for all rows of a map at once; thousands of copies of the images are not.
TEST(Fixtures, RowsInChunksGiveTheMapsOfAllRowsAtOnce) {
  for (const auto* name : {"timm_map", "timm_gap_registers"}) {
    const auto fixture = load_fixture(name);
    const auto& structure = fixture->vit.structure();
    const bool pooler = structure.readout == legrad::ReadoutKind::kPooler;
    const auto known = legrad::built_in_methods();
    const auto methods = known.choose(std::string("legrad,grad_cam,attention_cam,raw_attention,") +
                                      "rollout/discard_ratio=0.3,chefer_cam/normalize=" + (pooler ? "yes" : "no"));
    const auto images = fixture->images();
    constexpr int64_t kChunks = 2;
    constexpr int64_t kNumbers = 1 << 20;
    const int64_t copies =
        kChunks * kNumbers / (images.size(0) * structure.heads * structure.tokens * structure.tokens);
    const auto few = legrad::explain(fixture->vit, images, {1}, methods);
    const auto many = legrad::explain(fixture->vit, images.repeat({copies, 1, 1, 1}), {1}, methods);
    for (size_t m = 0; m < methods.size(); ++m) {
      EXPECT_TRUE(close(many.maps[m], few.maps[m].repeat({copies, 1, 1, 1}), 1e-9, known.names()[m] + "_" + name));
    }
  }
}

/// What has no such maps by definition is refused, and told why.
class RefusedFixtureTest : public testing::TestWithParam<std::string> {};

TEST_P(RefusedFixtureTest, SaysWhy) {
  const auto description = description_of(GetParam());
  const auto file = fixtures_folder() / GetParam() / description.at("file").get<std::string>();
  const auto message = legrad::testing::message_of<legrad::ModelError>([&] { legrad::Vit::load(file); });
  RecordProperty("refusal", message);
  EXPECT_TRUE(legrad::testing::contains(message, description.at("refusal").get<std::string>()));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RefusedFixtureTest);
INSTANTIATE_TEST_SUITE_P(Fixtures, RefusedFixtureTest, testing::ValuesIn(fixture_names(true)),
                         [](const auto& info) { return info.param; });

/// tests/data/older was written by tests/oracle/make_older.py with torch 2.0.1.
TEST(Fixtures, ArchivesOfAnOlderTorchGiveTheSame) {
  const auto folder = fs::path(LEGRAD_TEST_DATA) / "older";
  const auto images = legrad::read_npy(folder / "images.npy");
  for (const auto* file : {"trace.pt", "script.pt"}) {
    const auto vit = legrad::Vit::load(folder / file, {.device = legrad::testing::test_device()});
    EXPECT_TRUE(close(vit.forward(images), legrad::read_npy(folder / "output.npy"), 1e-5, file));
    EXPECT_TRUE(vit.plan().rows_restricted) << file;
  }
}

/// A lost folder must not turn into fewer tests.
TEST(Fixtures, CoverEveryHomeReadoutAndForm) {
  std::set<std::string> found;
  for (const auto& name : fixture_names()) {
    const auto fixture = description_of(name);
    found.insert(fixture.at("home").get<std::string>());
    found.insert(fixture.at("form").get<std::string>());
    found.insert(fixture.at("dtype").get<std::string>());
    found.insert(fixture.at("structure").at("readout").get<std::string>());
  }
  for (const auto* needed :
       {"timm", "torchvision", "open_clip", "transformers", "trace", "script", "script+freeze", "export",
        "export, static", "float32", "float64", "token", "tokens", "patch tokens", "all tokens", "pooler"}) {
    EXPECT_TRUE(found.contains(needed)) << "no fixture for " << needed;
  }
}

}  // namespace
