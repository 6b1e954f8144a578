// Asking in words: `explain --prompt`, `embed`.

#include <ATen/ATen.h>
#include <legrad/npy.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/legrad_program.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::Ran;
using testing::operator+;
using testing::Arguments;

const std::string kWords = LEGRAD_TEST_DATA "/words";

class Words : public testing::LegradProgram {
 protected:
  Words() {
    at::manual_seed(5);
    write_npy(folder_ / "images.npy", at::randn({2, 3, 16, 16}));
    before_ = folder_.entries();
  }

  /// The raw maps that `legrad explain` writes of an array.
  at::Tensor maps(const std::string& model, const Arguments& target) const {
    succeeds(Arguments{"explain", "--model", model, "--input-npy", path("images.npy"), "--out", path("out")} + target);
    return read_npy(path("out/raw.npy"));
  }

  at::Tensor embedded(const Arguments& more) const {
    succeeds(Arguments{"embed", "--out", path("made.npy")} + more);
    return read_npy(path("made.npy"));
  }

  /// The bundle as a SigLIP, with a field of its manifest changed.
  std::string siglip(const std::string& field, const nlohmann::json& value) const {
    const auto folder = folder_ / "siglip";
    fs::copy(kWords + "/split", folder, fs::copy_options::recursive);
    std::ifstream file(folder / "manifest.json");
    auto manifest = nlohmann::json::parse(file);
    manifest["kind"] = "siglip";
    manifest[field] = value;
    std::ofstream(folder / "manifest.json", std::ios::trunc) << manifest.dump();
    return folder.string();
  }
};

TEST_F(Words, ArePromptsEmbeddedByTheModelsOwnTower) {
  for (const std::string model : {"/split", "/whole"}) {
    const auto expected = read_npy(kWords + "/embeddings.npy").narrow(0, 0, 2).contiguous();
    write_npy(folder_ / "embeddings.npy", expected);
    const Arguments prompts = {"--prompt", "a cat", "--prompt", "two yellow rockets at night"};
    const auto asked = maps(kWords + model, prompts);
    const auto given = maps(kWords + model, {"--text-embedding", path("embeddings.npy")});
    EXPECT_LT((asked - given).abs().max().item<double>(), 1e-6 * given.abs().max().item<double>()) << model;
    EXPECT_LT((embedded(Arguments{"--model", kWords + model} + prompts) - expected).abs().max().item<double>(), 1e-6);
  }
}

TEST_F(Words, ComeFromAFileAndGoIntoTemplates) {
  const auto expected = read_npy(kWords + "/ensemble.npy");
  std::ofstream(folder_ / "prompts.txt") << "a cat\n\n  two yellow rockets at night\r\n";
  const auto made = embedded({"--model", kWords + "/split", "--prompts", path("prompts.txt"), "--template",
                              "a photo of a {}", "--template", "{} at night"});
  ASSERT_EQ(made.sizes(), at::IntArrayRef({2, expected.size(1)}));
  EXPECT_LT((made - expected.narrow(0, 0, 2)).abs().max().item<double>(), 1e-6);
}

TEST_F(Words, NameTheFilesAndRowsOfPictures) {
  const Ran ran = succeeds(explain_with(kWords + "/split", {"--prompt", "a red car", "--prompt", "un café"}));
  EXPECT_TRUE(contains(ran.out, "a red car"));
  EXPECT_TRUE(contains(ran.out, "un café"));
  EXPECT_TRUE(fs::exists(path("out/scene-a-red-car.png")));
}

TEST_F(Words, EmbedPicturesToo) {
  const auto made = embedded({"--model", kWords + "/split", "--image", path("scene.png"), path("more/scene.png")});
  EXPECT_EQ(made.sizes(), at::IntArrayRef({2, 12}));
  EXPECT_LT((made.norm(2, {1}) - 1).abs().max().item<double>(), 1e-6);
  EXPECT_FALSE(at::allclose(made[0], made[1]));
}

TEST_F(Words, NameTheClassesOfAZeroShotClassifier) {
  const std::string model = kWords + "/split";
  std::ofstream(folder_ / "labels.txt") << "a cat\ntwo yellow rockets\na dog\n";
  before_ = folder_.entries();
  const Arguments templates = {"--template", "a photo of a {}", "--template", "{} at night"};  // the manifest's
  const auto labels = embedded(Arguments{"--model", model, "--prompts", path("labels.txt")} + templates);
  const auto picture = embedded({"--model", model, "--image", path("scene.png")});
  const auto cosines = at::matmul(labels, picture[0]);
  const auto probabilities = at::softmax(cosines * 20, 0);
  const auto order = cosines.argsort(0, /*descending=*/true);

  const std::vector<std::string> names = {"a cat", "two yellow rockets", "a dog"};
  const Ran ran = succeeds(explain_with(model, {"--labels", path("labels.txt"), "--top", "2"}));
  size_t at = 0;
  for (int64_t k = 0; k < 2; ++k) {
    const int64_t label = order[k].item<int64_t>();
    char line[100];
    std::snprintf(line, sizeof line, "%.4f", probabilities[label].item<double>());
    at = ran.out.find(names[static_cast<size_t>(label)], at);
    ASSERT_NE(at, std::string::npos) << ran.out;
    EXPECT_NE(ran.out.find(line, at), std::string::npos) << ran.out << line;
  }
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 3);

  // By their embeddings, a class of a classifier without words is the same prompt.
  write_npy(folder_ / "label.npy", labels[2].unsqueeze(0).contiguous());
  const auto by_name = maps(model, {"--labels", path("labels.txt"), "--class", "A Dog"});
  const auto by_vector = maps(model, {"--text-embedding", path("label.npy")});
  EXPECT_LT((by_name - by_vector).abs().max().item<double>(), 1e-6 * by_vector.abs().max().item<double>());
  refuses(explain_with(model, {"--labels", path("labels.txt"), "--class", "horse"}), "a dog");
  refuses(explain_with(model, {"--labels", path("labels.txt"), "--top", "4"}), "3");
}

TEST_F(Words, AreHeldAgainstOthers) {
  const std::string model = kWords + "/split";
  const auto vectors = embedded({"--model", model, "--prompt", "a cat", "--prompt", "a dog", "--prompt", "a car"});
  const auto picture = embedded({"--model", model, "--image", path("scene.png")});
  const auto expected = at::log_softmax(at::matmul(vectors, picture[0]) * 20, 0)[0].item<double>();
  char score[32];
  std::snprintf(score, sizeof score, "%.4f", expected);
  const Ran ran =
      succeeds(explain_with(model, {"--prompt", "a cat", "--against", "a dog", "--against", "a car", "--npy"}));
  EXPECT_TRUE(contains(ran.out, score)) << ran.out;
  const auto against = read_npy(path("out/scene.npy"));
  succeeds(explain_with(model, {"--prompt", "a cat", "--npy"}));
  EXPECT_FALSE(at::allclose(against, read_npy(path("out/scene.npy"))));
  refuses(explain_with(model, {"--against", "a dog"}), "held against");
}

TEST_F(Words, LabelsMayComeAsEmbeddingsAlone) {
  const auto labels = embedded({"--model", kWords + "/split", "--prompt", "cat", "--prompt", "dog"});
  const auto folder = folder_ / "zero-shot";
  fs::create_directory(folder);
  fs::copy_file(kWords + "/split/vision.pt", folder / "vision.pt");
  write_npy(folder / "labels.npy", labels);
  nlohmann::json manifest = {{"schema_version", 1},
                             {"vision", "vision.pt"},
                             {"labels", {"cat", "dog"}},
                             {"label_embeddings", "labels.npy"},
                             {"scale", 20},
                             {"kind", "clip"},
                             {"preprocessing", {{"size", {16, 16}}}}};
  const auto write = [&] { std::ofstream(folder / "manifest.json", std::ios::trunc) << manifest.dump(); };
  write();
  const auto asked = maps(folder.string(), {"--class", "dog"});
  write_npy(folder_ / "dog.npy", labels[1].unsqueeze(0).contiguous());
  const auto given = maps(folder.string(), {"--text-embedding", path("dog.npy")});
  EXPECT_TRUE(at::allclose(asked, given, 1e-6));
  EXPECT_TRUE(contains(succeeds(explain_with(folder.string(), {"--top", "2"})).out, "probability"));
  manifest["labels"] = {"cat", "dog", "car"};
  write();
  refuses(explain_with(folder.string(), {"--top", "2"}), "one for each");
  manifest.erase("labels");
  write();
  refuses(explain_with(folder.string(), {"--top", "2"}), "labels");
}

TEST_F(Words, ASiglipsEmptyPromptIsOne) {
  const auto model = siglip("empty_prompt", "a photo of");
  const Arguments prompt = {"--prompt", "a cat"};
  const auto corrected = maps(model, prompt);
  const auto plain = maps(model, prompt + Arguments{"--no-correction"});
  const auto given = maps(model, prompt + Arguments{"--empty-embedding", kWords + "/empty.npy"});
  EXPECT_FALSE(at::equal(corrected, plain));
  EXPECT_LT((corrected - given).abs().max().item<double>(), 1e-6 * plain.abs().max().item<double>());
}

TEST_F(Words, ASiglipWithoutEmptyPromptSaysSo) {
  const auto model = siglip("empty_prompt", nullptr);
  before_ = folder_.entries();
  refuses(explain_with(model, {"--prompt", "a cat"}), "--no-correction");
}

TEST_F(Words, AreExplainedThemselves) {
  const std::string model = LEGRAD_MODELS "/emoji-clip";
  for (const std::string method : {"legrad", "grad_eclip"}) {
    const Arguments asked = {"--prompt", "a red car", "--prompt", "a cat", "--words", "--method", method};
    const auto found = nlohmann::json::parse(succeeds(explain_with(model, asked + Arguments{"--json"})).out);
    ASSERT_EQ(found.at("rows").size(), 2U);
    const auto& row = found.at("rows")[0];
    std::vector<std::string> words;
    double largest = 0;
    for (const auto& word : row.at("words")) {
      words.push_back(word.at("word"));
      const auto score = word.at("score").get<double>();
      EXPECT_GE(score, 0);
      largest = std::max(largest, score);
    }
    EXPECT_EQ(words, (std::vector<std::string>{"a", "red", "car"}));
    EXPECT_DOUBLE_EQ(largest, 1);
    EXPECT_GE(row.at("special_share").get<double>(), 0);
    EXPECT_LT(row.at("special_share").get<double>(), 1);
    EXPECT_EQ(row.at("words_file"), path("out/scene-a-red-car-words.png"));
    EXPECT_TRUE(fs::exists(path("out/scene-a-cat-words.png")));
    const Ran ran = succeeds(explain_with(model, asked));
    EXPECT_TRUE(contains(ran.out, "(special tokens)"));
    EXPECT_TRUE(contains(ran.out, "scene-a-red-car-words.png"));
  }
}

TEST_F(Words, AreExplainedForTheModelsThatReadThem) {
  const std::string siglip = LEGRAD_MODELS "/emoji-siglip";
  const auto found =
      nlohmann::json::parse(succeeds(explain_with(siglip, {"--prompt", "a cat", "--words", "--json"})).out);
  EXPECT_EQ(found.at("rows")[0].at("words").size(), 2U);
  for (const std::string model : {"/split", "/whole"}) {
    EXPECT_TRUE(contains(succeeds(explain_with(kWords + model, {"--prompt", "a cat", "--words"})).out, "cat"));
  }
  refuses(explain({"--words"}), "--prompt");
  refuses(explain({"--prompt", "a cat", "--words"}), "takes no words");
  refuses(explain_with(siglip, {"--prompt", "a cat", "--words", "--method", "rollout"}), "grad_eclip");
  refuses(explain_with(siglip, {"--prompt", "a cat", "--words", "--template", "a {}"}), "excludes");
  refuses({"explain", "--model", siglip, "--input-npy", path("images.npy"), "--prompt", "a", "--words", "--out",
           path("out")},
          "excludes");
}

TEST_F(Words, SayWhatWasCutOff) {
  std::string lengthy;
  for (int i = 0; i < 40; ++i) lengthy += "a ";
  const Ran ran = runs({"embed", "--model", kWords + "/split", "--prompt", lengthy, "--out", path("made.npy")});
  EXPECT_EQ(ran.code, 0);
  EXPECT_TRUE(contains(ran.err, "26 tokens")) << ran.err;
}

TEST_F(Words, RefuseWhatCannotBeAsked) {
  const std::string model = kWords + "/split";
  refuses(explain({"--prompt", "a cat"}), "takes no words");
  refuses(explain_with(model, {"--prompt", "\xff\xfe"}), "UTF-8");
  refuses(explain_with(model, {"--prompt", "a", "--class", "0"}), "--class");
  refuses(explain_with(model, {"--prompts", path("none.txt")}), "none.txt");
  refuses(explain_with(model, {"--prompt", "a", "--template", "a photo"}), "{}");
  refuses({"embed", "--model", model, "--out", path("made.npy")}, "--prompt");
  refuses({"embed", "--model", model, "--prompt", "a", "--image", path("scene.png"), "--out", path("m.npy")},
          "excludes");
}

}  // namespace
}  // namespace legrad
