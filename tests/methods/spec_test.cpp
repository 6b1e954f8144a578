// How methods and their options are spelled: NAME/KEY=VALUE/KEY=VALUE.

#include "methods/spec.h"

#include <gtest/gtest.h>
#include <legrad/error.h>
#include <legrad/methods.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/message_of.h"

namespace legrad {
namespace {

using testing::contains;
using testing::message_of;
using Words = std::vector<std::string>;

/// What `parse` makes of one spelling, as it spells it itself.
std::string respelled(const std::string& spec) { return built_in_methods().parse(spec).spec; }

Words respelled_list(const std::string& specs) {
  Words found;
  for (const auto& method : built_in_methods().parse_list(specs)) found.push_back(method.spec);
  return found;
}

/// That `specs` is refused in one line that holds every one of `parts`.
void refuses(const std::string& specs, const Words& parts) {
  const auto message = message_of<InputError>([&] { (void)built_in_methods().parse_list(specs); });
  for (const auto& part : parts) EXPECT_TRUE(contains(message, part)) << specs << ": " << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

TEST(Spec, TakesNameAndOptionsApart) {
  const auto spec = methods::take_apart("legrad/readout=token_mean/layers=0,3:5,-1");
  EXPECT_EQ(spec.name, "legrad");
  ASSERT_EQ(spec.options.size(), 2);
  EXPECT_EQ(spec.options[0], std::make_pair(std::string("readout"), std::string("token_mean")));
  EXPECT_EQ(spec.options[1], std::make_pair(std::string("layers"), std::string("0,3:5,-1")));
  EXPECT_TRUE(methods::take_apart("rollout").options.empty());
}

TEST(Spec, AnItemThatDoesNotBeginWithALetterContinuesTheValueBefore) {
  EXPECT_EQ(methods::split_list("legrad/layers=0,3,-1,rollout"), Words({"legrad/layers=0,3,-1", "rollout"}));
  EXPECT_EQ(methods::split_list("legrad/layers=0,3/relu=no,rollout/start_layer=1"),
            Words({"legrad/layers=0,3/relu=no", "rollout/start_layer=1"}));
  EXPECT_EQ(methods::split_list("legrad/layers=0,:4,chefer_cam/layers=-4:,8"),
            Words({"legrad/layers=0,:4", "chefer_cam/layers=-4:,8"}));
  EXPECT_EQ(methods::split_list("legrad/layer_weights=1,.5,-2"), Words({"legrad/layer_weights=1,.5,-2"}));
  EXPECT_EQ(methods::split_list(" legrad , rollout"), Words({"legrad", "rollout"}));
}

TEST(Spec, RefusesACommaThatContinuesNothing) {
  for (const char* specs : {"", ",", "legrad,", ",legrad", "legrad,,rollout", "legrad,3", "3,legrad", "rollout,/x=1"}) {
    refuses(specs, {"no method's name"});
  }
}

TEST(Spec, IsGivenBackInOneSpelling) {
  EXPECT_EQ(respelled("legrad"), "legrad");
  EXPECT_EQ(respelled("legrad/layers= 0 , 3/readout=model"), "legrad/readout=model/layers=0,3");
  EXPECT_EQ(respelled("legrad/layers=2 : -1/relu=OFF"), "legrad/layers=2:-1/relu=no");
  EXPECT_EQ(respelled("rollout/discard_ratio=.50/layers=all"), "rollout/layers=all/discard_ratio=0.5");
  EXPECT_EQ(respelled("rollout/discard_ratio=5e-1"), "rollout/discard_ratio=0.5");
  EXPECT_EQ(respelled("legrad/layer_weights=1,0.50,-2e0"), "legrad/layer_weights=1,0.5,-2");
  for (const char* yes : {"yes", "true", "on", "1", "Yes", "TRUE"}) {
    EXPECT_EQ(respelled(std::string("chefer_cam/normalize=") + yes), "chefer_cam/normalize=yes");
  }
  for (const char* no : {"no", "false", "off", "0"}) {
    EXPECT_EQ(respelled(std::string("grad_cam/include_prefix=") + no), "grad_cam/include_prefix=no");
  }
  for (const char* spec : {"legrad/readout=published/layers=-4:/relu=yes/negative_slope=0.25/layer_weights=1,2,3,4",
                           "grad_cam/layers=3,4/include_prefix=no/multi_layer=yes", "attention_cam/layer=-2",
                           "raw_attention/layer=0", "chefer_cam/layers=1:/start_layer=1/normalize=yes",
                           "rollout/layers=:4/start_layer=-3/head_fusion=min/discard_ratio=0.9"}) {
    EXPECT_EQ(respelled(spec), spec);
  }
}

TEST(Spec, ListsHoldTheSameMethodWithOtherOptions) {
  EXPECT_EQ(respelled_list("legrad,legrad/readout=token_mean,rollout"),
            Words({"legrad", "legrad/readout=token_mean", "rollout"}));
  EXPECT_EQ(respelled_list("all"), built_in_methods().names());
  refuses("rollout,legrad,rollout", {"'rollout' is given twice"});
  refuses("legrad/relu=no,legrad/relu=off", {"'legrad/relu=no' is given twice"});
}

TEST(Spec, HeadingsAreTitlesOrWhereAMethodRepeatsSpecs) {
  const auto known = built_in_methods();
  EXPECT_EQ(headings(known.parse_list("paper")),
            Words({"LeGrad", "GradCAM", "AttentionCAM", "Raw Attention", "Rollout", "CheferCAM",
                   "Transformer Attribution", "Partial LRP", "TextSpan"}));
  EXPECT_EQ(headings(known.parse_list("legrad,rollout/start_layer=1,legrad/readout=token_mean")),
            Words({"legrad", "Rollout", "legrad/readout=token_mean"}));
}

TEST(Spec, UnknownMethodsAreAnsweredWithTheNearest) {
  refuses("GradCam", {"'GradCam'; the known ones, the nearest first: grad_cam, "});
  refuses("legrad,rolout/start_layer=1", {"unknown method 'rolout'", "nearest first: rollout, "});
  refuses("legrad_", {"nearest first: legrad, "});
  refuses("all,legrad", {"unknown method 'all'"});
  refuses("legrad,paper", {"unknown method 'paper'"});
}

TEST(Spec, UnknownOptionsAreAnsweredWithTheNearestOfThatMethod) {
  refuses("rollout/discard=0.5", {"'rollout' has no option 'discard'", "nearest first: discard_ratio, "});
  refuses("legrad/layer=3", {"'legrad' has no option 'layer'", "nearest first: layers, "});
  refuses("raw_attention/relu=no", {"'raw_attention' has no option 'relu'", "first: layer"});
  refuses("legrad/Relu=no", {"nearest first: relu, "});
}

TEST(Spec, OptionsAreKeyAndValue) {
  for (const char* spec : {"legrad/", "legrad/relu", "legrad/relu=", "legrad/=no", "legrad//relu=no", "legrad/ / "}) {
    refuses(spec, {"is no option with its value; write legrad/KEY=VALUE"});
  }
  refuses("legrad/relu=no/relu=no", {"'legrad'", "'relu' is given twice"});
}

TEST(Spec, ValuesAreWhatTheOptionTakes) {
  for (const char* value : {"maybe", "2", "y", "=no", "no=no"}) {
    refuses(std::string("legrad/relu=") + value, {"legrad/relu=", "relu takes yes or no"});
  }
  for (const char* value : {"Model", "auto", "model,1", "tokenmean"}) {
    refuses(std::string("legrad/readout=") + value, {"readout takes model, token_mean or published"});
  }
  for (const char* value : {"1", "1.5", "-0.1", "x", "0.5x", "+0.5", "0.5,0.5", "nan", "inf", "1e400", "0x1"}) {
    refuses(std::string("rollout/discard_ratio=") + value, {"discard_ratio takes a number from 0 to below 1"});
  }
  EXPECT_EQ(respelled("legrad/negative_slope=1"), "legrad/negative_slope=1");
  refuses("legrad/negative_slope=1.01", {"negative_slope takes a number from 0 to 1"});
  for (const char* value : {"1.5", "last", "1,2", "1:", "+1", "99999999999999999999"}) {
    refuses(std::string("attention_cam/layer=") + value, {"layer takes a block counted from 0"});
  }
  for (const char* value : {"last", "1,", "1:2:3", "1.5", "0x1", "--1", "1 2", "1,-", ":,", "all,1", "1;2"}) {
    refuses(std::string("legrad/layers=") + value, {"layers takes blocks counted from 0"});
  }
  for (const char* value : {"x", "1,", "1,,2", "1;2", "inf", "1,-nan"}) {
    refuses(std::string("legrad/layer_weights=") + value, {"layer_weights takes numbers"});
  }
}

TEST(Spec, ValuesGoTogether) {
  refuses("legrad/relu=no/negative_slope=0.1", {"without relu", "negative_slope"});
  EXPECT_EQ(respelled("legrad/relu=no/negative_slope=0"), "legrad/relu=no/negative_slope=0");
}

TEST(Spec, TextOfAnyKindIsReadOrRefused) {
  const std::string symbols = "legrad/=,:-.019 \t\n\"'\\{}\xC3\xA9";
  uint32_t state = 1;
  for (int text = 0; text < 2000; ++text) {
    std::string specs = text % 2 == 0 ? "legrad/layers=" : "";
    for (int i = 0; i < 1 + text % 23; ++i) {
      state = state * 1664525 + 1013904223;
      specs += symbols[(state >> 16) % symbols.size()];
    }
    try {
      (void)built_in_methods().parse_list(specs);
    } catch (const InputError&) {
    }
  }
}

TEST(Methods, AreAListToAddTo) {
  auto methods = built_in_methods();
  EXPECT_EQ(methods.names(),
            Words({"legrad", "grad_cam", "attention_cam", "raw_attention", "rollout", "chefer_cam",
                   "transformer_attribution", "partial_lrp", "text_span", "attn_lrp", "grad_eclip", "gem"}));
  auto row = rollout_row();
  row.name = "mine";
  methods.add(row);
  EXPECT_EQ(methods.names().back(), "mine");
  EXPECT_EQ(methods.parse("mine/head_fusion=max").spec, "mine/head_fusion=max");
  EXPECT_EQ(built_in_methods().names().size() + 1, methods.names().size());
  EXPECT_TRUE(contains(message_of<InputError>([&] { methods.add(row); }), "'mine' already"));
}

TEST(Methods, RowsThatCouldNotBeSpelledAreRefused) {
  const auto says = [](const MethodRow& row, const std::string& part) {
    const auto message = message_of<InputError>([&] {
      Methods methods;
      methods.add(row);
    });
    EXPECT_TRUE(contains(message, part)) << message;
  };
  const auto named = [](const std::string& name) {
    auto row = rollout_row();
    row.name = name;
    return row;
  };
  const auto with = [](const MethodOption& option) {
    auto row = rollout_row();
    row.options.push_back(option);
    return row;
  };
  says(named(""), "needs a name");
  for (const char* name : {"a/b", "a=b", "a,b", "3d", "a b", "all", "paper"}) says(named(name), "cannot be called");
  says(with({"a=b", takes::YesNo{}, "yes", ""}), "cannot be called 'a=b'");
  says(with({"layers", takes::YesNo{}, "yes", ""}), "two options 'layers'");
  says(with({"sharp", takes::YesNo{}, "perhaps", ""}), "sharp takes yes or no");
  auto nothing = rollout_row();
  nothing.make = nullptr;
  says(nothing, "nothing that makes it");
}

TEST(OptionValues, AreDefaultsWhereNoneIsGiven) {
  const std::vector<MethodOption> options = {
      {"blocks", takes::Blocks{}, "", ""},        {"block", takes::Block{}, "", ""},
      {"weights", takes::Numbers{}, "", ""},      {"ratio", takes::Number{0, 2}, "0.5", ""},
      {"must", takes::Number{0, 2}, "", ""},      {"sharp", takes::YesNo{}, "no", ""},
      {"kind", takes::OneOf{{"a", "b"}}, "b", ""}};
  const OptionValues none("mine", options, {});
  EXPECT_TRUE(none.blocks("blocks").of(4).empty());
  EXPECT_FALSE(none.block("block").has_value());
  EXPECT_TRUE(none.numbers("weights").empty());
  EXPECT_EQ(none.number("ratio"), 0.5);
  EXPECT_FALSE(none.yes("sharp"));
  EXPECT_EQ(none.name("kind"), "b");
  EXPECT_EQ(none.given(), "");

  const OptionValues some("mine", options, {{"kind", "a"}, {"weights", "1,2"}, {"block", "-3"}, {"blocks", "-2:"}});
  EXPECT_EQ(some.blocks("blocks").of(4), std::vector<int64_t>({2, 3}));
  EXPECT_EQ(some.block("block"), -3);
  EXPECT_EQ(some.numbers("weights"), std::vector<double>({1, 2}));
  EXPECT_EQ(some.name("kind"), "a");
  EXPECT_EQ(some.given(), "/blocks=-2:/block=-3/weights=1,2/kind=a");

  EXPECT_TRUE(contains(message_of<InputError>([&] { (void)none.yes("blurred"); }), "'blurred' it has not"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { (void)none.yes("ratio"); }), "another type"));
  EXPECT_TRUE(contains(message_of<InputError>([&] { (void)none.number("must"); }), "has no default"));
}

TEST(MethodsText, HoldsEveryOption) {
  const auto methods = built_in_methods();
  const auto text = methods_text(methods);
  for (const auto& row : methods.rows()) {
    EXPECT_TRUE(contains(text, row.name + ": " + row.title)) << row.name;
    for (const auto& option : row.options) EXPECT_TRUE(contains(text, "  " + option.key + "=" + option.default_value));
  }
  EXPECT_TRUE(contains(text, "how heads become one map; takes mean, max or min\n"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 120) << line;
}

TEST(MethodsText, IsDataAsJson) {
  const auto methods = built_in_methods();
  const auto json = nlohmann::json::parse(methods_json(methods));
  ASSERT_EQ(json.size(), methods.rows().size());
  for (size_t i = 0; i < json.size(); ++i) {
    const auto& row = methods.rows()[i];
    EXPECT_EQ(json[i].at("name"), row.name);
    EXPECT_EQ(json[i].at("title"), row.title);
    EXPECT_EQ(json[i].at("source"), row.source);
    EXPECT_EQ(json[i].at("explains"), row.explains);
    EXPECT_EQ(json[i].at("looks_at_target"), row.looks_at_target);
    ASSERT_EQ(json[i].at("options").size(), row.options.size());
  }
  const auto& rollout = json[4].at("options");
  EXPECT_EQ(rollout[0], nlohmann::json({{"key", "layers"},
                                        {"type", "blocks"},
                                        {"default", "all"},
                                        {"meaning", methods.rows()[4].options[0].meaning}}));
  EXPECT_EQ(rollout[2].at("names"), Words({"mean", "max", "min"}));
  EXPECT_EQ(rollout[3].at("least"), 0);
  EXPECT_EQ(rollout[3].at("most"), 1);
  EXPECT_EQ(rollout[3].at("most_included"), false);
  EXPECT_TRUE(json[2].at("options")[0].at("default").is_null());
}

}  // namespace
}  // namespace legrad
