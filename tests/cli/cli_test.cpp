// Runs the program `legrad` as a user does: LEGRAD_PROGRAM is its path.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <legrad/bundle.h>
#include <legrad/correction.h>
#include <legrad/heatmap.h>
#include <legrad/image.h>
#include <legrad/methods.h>
#include <legrad/npy.h>
#include <legrad/version.h>
#include <legrad/vit.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "support/message_of.h"
#include "support/run_program.h"
#include "support/temporary_folder.h"

namespace legrad {
namespace {

namespace fs = std::filesystem;
using testing::contains;
using testing::Ran;
using Arguments = std::vector<std::string>;

constexpr const char* kModel = LEGRAD_MODELS "/emoji-vit";

Arguments operator+(Arguments left, const Arguments& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Ran legrad_program(const Arguments& arguments) { return testing::run_program(LEGRAD_PROGRAM, arguments); }

/// A picture of 40 x 60 pixels with some shapes in it.
at::Tensor scene() {
  at::Tensor image = at::full({40, 60, 3}, 200).to(at::kByte);
  image.narrow(0, 5, 20).narrow(1, 30, 20).select(2, 1).fill_(20);
  image.narrow(0, 22, 12).narrow(1, 6, 12).select(2, 0).fill_(240);
  return image;
}

class Program : public ::testing::Test {
 protected:
  Program() {
    write_image(folder_ / "scene.png", scene());
    fs::create_directory(folder_ / "more");
    write_image(folder_ / "more/scene.png", scene().flip({1}).contiguous());
    before_ = folder_.entries();
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// `legrad explain` of the bundled model and one picture.
  Arguments explain(const Arguments& more = {}) const {
    return Arguments{"explain", "--model", kModel, "--image", path("scene.png"), "--out", path("out")} + more;
  }

  Arguments explain_with(const std::string& model, const Arguments& more = {}) const {
    return Arguments{"explain", "--model", model, "--image", path("scene.png"), "--out", path("out")} + more;
  }

  Ran succeeds(const Arguments& arguments) const {
    const Ran ran = legrad_program(arguments);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.err, "");
    return ran;
  }

  /// Runs it and checks what holds for every bad input: exit code 2, one line on stderr, nothing on stdout, nothing
  /// written. `part` must be in the line.
  void refuses(const Arguments& arguments, const std::string& part) const {
    const size_t before = folder_.entries();
    const Ran ran = legrad_program(arguments);
    std::string line;
    for (const std::string& argument : arguments) {
      line += argument.substr(0, 100) + " ";
    }
    SCOPED_TRACE(line);
    EXPECT_EQ(ran.code, 2);
    EXPECT_EQ(ran.out, "");
    EXPECT_TRUE(ran.err.starts_with("legrad: error: ")) << ran.err;
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_TRUE(ran.err.ends_with("\n"));
    EXPECT_TRUE(contains(ran.err, part));
    EXPECT_EQ(folder_.entries(), before) << "something was written";
  }

  testing::TemporaryFolder folder_;
  size_t before_ = 0;
};

// ---- what it does

TEST_F(Program, PrintsHelpAndVersion) {
  EXPECT_TRUE(contains(succeeds({"--help"}).out, "explain"));
  EXPECT_EQ(succeeds({"--version"}).out, "legrad " LEGRAD_VERSION "\n");
  const std::string help = succeeds({"explain", "--help"}).out;
  for (const char* option :
       {"--model",   "--image",      "--class", "--top",       "--text-embedding", "--method", "--layers",
        "--readout", "--similarity", "--size",  "--colormap",  "--alpha",          "--device", "--dtype",
        "--threads", "--out",        "--npy",   "--input-npy", "--mean",           "--std",    "Examples:"}) {
    EXPECT_TRUE(contains(help, option));
  }
  EXPECT_TRUE(contains(succeeds({"compare", "--help"}).out, "--per-layer"));
  EXPECT_TRUE(contains(succeeds({"inspect", "--help"}).out, "--json"));
}

TEST_F(Program, ExplainsTheTopPrediction) {
  const Ran ran = succeeds(explain());
  const Bundle bundle = Bundle::open(kModel);
  const Vit vit = Vit::load(bundle.vision);
  const at::Tensor output = vit.forward(preprocess(scene(), vit.structure().image->size, bundle.preprocessing));
  const int64_t best = output.argmax(1).item<int64_t>();
  const std::string& label = bundle.labels[static_cast<size_t>(best)];

  const std::string file = path("out/scene-" + label + ".png");
  char score[32];
  std::snprintf(score, sizeof score, "%.4f", output[0][best].item<double>());
  EXPECT_TRUE(contains(ran.out, label));
  EXPECT_TRUE(contains(ran.out, score));
  EXPECT_TRUE(contains(ran.out, file));
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 2) << ran.out;
  EXPECT_EQ(folder_.entries(), before_ + 2);  // out, and one picture in it
  const at::Tensor drawn = read_image(file);
  EXPECT_EQ(drawn.sizes(), scene().sizes());
  EXPECT_FALSE(at::equal(drawn, scene()));
}

TEST_F(Program, ExplainsClassesByNameAndIndex) {
  const Bundle bundle = Bundle::open(kModel);
  succeeds(explain({"--class", bundle.labels[1], "--class", "0", "--class", "-1"}));
  for (const std::string& label : {bundle.labels[1], bundle.labels[0], bundle.labels.back()}) {
    EXPECT_TRUE(fs::exists(path("out/scene-" + label + ".png"))) << label;
  }
  EXPECT_EQ(folder_.entries(), before_ + 4);
}

TEST_F(Program, WritesHeatmapsThatTheLibraryGives) {
  succeeds(explain({"--class", "3", "--class", "5", "--npy", "--readout", "model", "--layers", "1:"}));
  const Bundle bundle = Bundle::open(kModel);
  const Vit vit = Vit::load(bundle.vision);
  const ImageSize size = vit.structure().image->size;
  LegradOptions options;
  options.readout = Readout::kModel;
  for (int64_t layer = 1; layer < vit.structure().blocks; ++layer) {
    options.layers.push_back(layer);
  }
  const at::Tensor maps = legrad(vit, preprocess(scene(), size, bundle.preprocessing), {3, 5}, options);
  const at::Tensor heat = read_npy(path("out/scene.npy"));
  ASSERT_EQ(heat.sizes(), at::IntArrayRef({2, 40, 60}));
  EXPECT_EQ(heat.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(heat, on_picture(normalized(maps)[0], {40, 60}, size, bundle.preprocessing), 1e-4, 1e-5));
}

TEST_F(Program, PicturesOfOneNameDoNotOverwriteEachOther) {
  const Arguments both = {"explain", "--model", kModel, "--image", path("scene.png"), path("more/scene.png")};
  succeeds(both + Arguments{"--class", "0", "--npy", "--out", path("out")});
  EXPECT_EQ(folder_.entries(), before_ + 5);
  EXPECT_TRUE(fs::exists(path("out/scene-2-" + Bundle::open(kModel).labels[0] + ".png")));
  EXPECT_FALSE(at::equal(read_npy(path("out/scene.npy")), read_npy(path("out/scene-2.npy"))));
}

TEST_F(Program, DoesNotOverwriteAPictureItReads) {
  const Bundle bundle = Bundle::open(kModel);
  const std::string taken = path("scene-" + bundle.labels[0] + ".png");
  write_image(taken, scene());
  succeeds({"explain", "--model", kModel, "--image", path("scene.png"), taken, "--class", "0", "--out",
            folder_.path().string()});
  EXPECT_TRUE(at::equal(read_image(taken), scene()));
  EXPECT_TRUE(at::equal(read_image(path("scene.png")), scene()));
}

TEST_F(Program, ExplainsAnArray) {
  const Vit vit = Vit::load(Bundle::open(kModel).vision);
  const ImageSize size = vit.structure().image->size;
  const at::Tensor images = at::rand({2, 3, size.height, size.width});
  write_npy(path("batch.npy"), images);
  const Arguments array = {"explain", "--model", kModel, "--input-npy", path("batch.npy"), "--out", path("out")};

  succeeds(array + Arguments{"--class", "2", "--class", "4"});
  const at::Tensor expected = legrad(vit, images, {2, 4});
  EXPECT_TRUE(at::allclose(read_npy(path("out/raw.npy")), expected, 1e-4, 1e-9));
  EXPECT_EQ(read_npy(path("out/raw.npy")).sizes(),
            at::IntArrayRef({2, 2, vit.structure().image->grid.rows, vit.structure().image->grid.columns}));

  succeeds(array + Arguments{"--method", "chefer_cam", "--class", "2"});
  EXPECT_TRUE(at::allclose(read_npy(path("out/raw.npy")), chefer_cam(vit, images, {2}), 1e-4, 1e-9));

  EXPECT_TRUE(contains(succeeds(array + Arguments{"--top", "3"}).out, "raw.npy"));
  EXPECT_EQ(read_npy(path("out/raw.npy")).size(1), 3);
}

TEST_F(Program, ExplainsByEveryMethodAndItsOptions) {
  const Vit vit = Vit::load(Bundle::open(kModel).vision);
  at::manual_seed(11);
  const at::Tensor images = at::randn({1, 3, vit.structure().image->size.height, vit.structure().image->size.width});
  write_npy(path("batch.npy"), images);
  const auto check = [&](const std::string& method, const Arguments& arguments, const Method& same) {
    SCOPED_TRACE(method);
    succeeds(Arguments{"explain", "--model", kModel, "--input-npy", path("batch.npy"), "--out", path("out"), "--class",
                       "2", "--method", method} +
             arguments);
    const at::Tensor expected = legrad::explain(vit, images, {2}, {same}).maps[0];
    EXPECT_TRUE(at::allclose(read_npy(path("out/raw.npy")), expected, 1e-4, 1e-9));
    const at::Tensor plain = legrad::explain(vit, images, {2}, {built_in_methods().get(method)}).maps[0];
    EXPECT_EQ(at::allclose(plain, expected, 1e-4, 1e-9), arguments.empty()) << "the options change nothing";
  };
  for (const auto& method : built_in_methods().names()) check(method, {}, built_in_methods().get(method));
  check("legrad", {"--no-relu", "--layers", "-1"}, legrad_method({.layers = {-1}, .relu = false}));
  check("legrad", {"--negative-slope", "0.5"}, legrad_method({.negative_slope = 0.5}));
  check("grad_cam", {"--multi-layer", "--layers", "2:4"}, grad_cam_method({.layers = {2, 3}, .multi_layer = true}));
  check("grad_cam", {"--without-prefix"}, grad_cam_method({.include_prefix = false}));
  check("attention_cam", {"--layers", "2"}, attention_cam_method({.layer = 2}));
  check("raw_attention", {"--layers", "-2"}, raw_attention_method({.layer = -2}));
  check("rollout", {"--head-fusion", "max", "--discard-ratio", "0.5"},
        rollout_method({.head_fusion = HeadFusion::kMax, .discard_ratio = 0.5}));
  check("rollout", {"--start-layer", "1"}, rollout_method({.start_layer = 1}));
  check("chefer_cam", {"--start-layer", "2"}, chefer_cam_method({.start_layer = 2}));
}

TEST_F(Program, ComparesMethodsInOneFigure) {
  const Arguments compare = {"compare", "--model", kModel, "--image", path("scene.png"), path("more/scene.png")};
  const Ran ran =
      succeeds(compare + Arguments{"--class", "1", "--class", "2", "--cell", "60", "--out", path("new/all.png")});
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 5) << ran.out;  // a header, and each picture's two targets
  EXPECT_EQ(folder_.entries(), before_ + 2);                   // new, and the figure in it
  const at::Tensor figure = read_image(path("new/all.png"));
  EXPECT_GT(figure.size(0), 4 * 40);
  EXPECT_LT(figure.size(0), 4 * 40 + 80);
  EXPECT_GT(figure.size(1), 7 * 60);
  EXPECT_LT(figure.size(1), 7 * 60 + 160);

  const Ran listed = succeeds(compare + Arguments{"--methods", "rollout,legrad", "--per-layer", "--json", "--cell",
                                                  "60", "--out", path("two.png")});
  const auto json = nlohmann::json::parse(listed.out);
  EXPECT_EQ(json.at("methods"), nlohmann::json({"rollout", "legrad"}));
  ASSERT_EQ(json.at("rows").size(), 2);
  const Vit vit = Vit::load(Bundle::open(kModel).vision);
  for (const auto& row : json.at("rows")) {
    const auto shares = row.at("gradient_share").get<std::vector<double>>();
    EXPECT_EQ(static_cast<int64_t>(shares.size()), vit.structure().blocks);
    EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-5);
  }
  EXPECT_GT(read_image(path("two.png")).size(1), 3 * 60);
}

TEST_F(Program, CorrectsTheMapsOfASiglip) {
  const fs::path model = fs::path(LEGRAD_TEST_DATA) / "fixtures/open_clip_normalised/model.pt";
  fs::create_directory(folder_ / "model");
  fs::copy_file(model, folder_ / "model/vision.pt");
  const Vit vit = Vit::load(model);
  at::manual_seed(12);
  const at::Tensor images = at::randn({2, 3, vit.structure().image->size.height, vit.structure().image->size.width});
  const at::Tensor text = at::randn({2, vit.structure().output_width});
  const at::Tensor empty = at::randn({1, vit.structure().output_width});
  write_npy(path("batch.npy"), images);
  write_npy(path("text.npy"), text);
  write_npy(folder_ / "model/empty.npy", empty);
  const Arguments arguments = {"explain", "--model",   path("model"),      "--input-npy",   path("batch.npy"),
                               "--out",   path("out"), "--text-embedding", path("text.npy")};
  const std::string manifest = R"({"schema_version": 1, "vision": "vision.pt", "kind": "siglip")";
  const auto methods = built_in_methods().choose("legrad");
  const auto raw = [&](const Arguments& more) {
    succeeds(arguments + more);
    return read_npy(path("out/raw.npy"));
  };
  const at::Tensor plain = legrad::explain(vit, images, text, methods).maps[0];
  const at::Tensor expected = legrad::explain(vit, images, text, methods, Correction{empty, 0.8}).maps[0];
  const at::Tensor halved = legrad::explain(vit, images, text, methods, Correction{empty, 0.5}).maps[0];

  folder_.write("model/manifest.json", manifest + "}");
  refuses(arguments, "--empty-embedding FILE.npy, or --no-correction");
  EXPECT_TRUE(at::allclose(raw({"--no-correction"}), plain));
  EXPECT_TRUE(at::allclose(raw({"--empty-embedding", path("model/empty.npy")}), expected));
  folder_.write("model/manifest.json", manifest + R"(, "empty_embedding": "empty.npy"})");
  EXPECT_TRUE(at::allclose(raw({}), expected));
  EXPECT_TRUE(at::allclose(raw({"--correction-threshold", "0.5"}), halved));
  EXPECT_FALSE(at::allclose(plain, expected));
  EXPECT_FALSE(at::allclose(halved, expected));
  refuses(arguments + Arguments{"--correction-threshold", "2"}, "[0, 1]");
  refuses(arguments + Arguments{"--empty-embedding", path("text.npy")}, "must hold one embedding");
  refuses(arguments + Arguments{"--empty-embedding", path("batch.npy")}, "--empty-embedding");
  folder_.write("model/manifest.json", manifest + R"(, "empty_embedding": "../text.npy"})");
  refuses(arguments, "outside");
}

TEST_F(Program, ComparesWithEmbeddings) {
  const Vit vit = Vit::load(Bundle::open(kModel).vision);
  const int64_t width = vit.structure().output_width;
  const at::Tensor images = at::rand({1, 3, vit.structure().image->size.height, vit.structure().image->size.width});
  const at::Tensor embedding = at::randn({3, width});
  write_npy(path("batch.npy"), images);
  write_npy(path("text.npy"), embedding);
  write_npy(path("one.npy"), embedding[0]);
  const Arguments array = {"explain", "--model", kModel, "--input-npy", path("batch.npy"), "--out", path("out")};

  succeeds(array + Arguments{"--text-embedding", path("text.npy"), "--similarity", "dot"});
  EXPECT_TRUE(at::allclose(read_npy(path("out/raw.npy")), legrad(vit, images, Target(embedding, Similarity::kDot)),
                           1e-4, 1e-9));

  succeeds(array + Arguments{"--text-embedding", path("one.npy")});
  EXPECT_TRUE(
      at::allclose(read_npy(path("out/raw.npy")), legrad(vit, images, Target(embedding.narrow(0, 0, 1))), 1e-4, 1e-9));
}

TEST_F(Program, ColoursAsAsked) {
  succeeds(explain({"--class", "0", "--alpha", "0"}));
  const Bundle bundle = Bundle::open(kModel);
  const std::string file = path("out/scene-" + bundle.labels[0] + ".png");
  EXPECT_TRUE(at::equal(read_image(file), scene()));
  succeeds(explain({"--class", "0", "--alpha", "1", "--colormap", "Viridis", "--npy"}));
  EXPECT_TRUE(at::equal(read_image(file), overlay(scene(), read_npy(path("out/scene.npy"))[0], Colormap::kViridis, 1)));
}

TEST_F(Program, TakesABareFileWithMeanAndStd) {
  const Bundle bundle = Bundle::open(kModel);
  const auto& mean = bundle.preprocessing.mean;
  const auto& std = bundle.preprocessing.std;
  const auto list = [](const std::array<double, 3>& values) {
    return std::to_string(values[0]) + "," + std::to_string(values[1]) + "," + std::to_string(values[2]);
  };
  succeeds(explain({"--class", "0", "--npy"}));
  const at::Tensor expected = read_npy(path("out/scene.npy"));
  const std::string bare = bundle.vision.string();
  succeeds(
      explain_with(bare, {"--class", "0", "--npy", "--size", "112x112", "--mean", list(mean), "--std", list(std)}));
  EXPECT_TRUE(at::allclose(read_npy(path("out/scene.npy")), expected, 1e-4, 1e-5));
  EXPECT_TRUE(fs::exists(path("out/scene-class-0.png")));
  succeeds(explain_with(
      bare, {"--class", "0", "--npy", "--size", "112x112", "--mean", "0.1", "0.9", "-0.5", "--std", "2 2 2"}));
  EXPECT_FALSE(at::allclose(read_npy(path("out/scene.npy")), expected, 1e-4, 1e-5));
}

TEST_F(Program, InspectsAModel) {
  const Bundle bundle = Bundle::open(kModel);
  const Vit vit = Vit::load(bundle.vision);
  const Structure& structure = vit.structure();
  const std::string text = succeeds({"inspect", "--model", kModel}).out;
  EXPECT_TRUE(contains(text, bundle.name));
  EXPECT_TRUE(contains(
      text, std::to_string(structure.image->grid.rows) + " x " + std::to_string(structure.image->grid.columns)));

  const nlohmann::json json = nlohmann::json::parse(succeeds({"inspect", "--json", "--model", kModel}).out);
  EXPECT_EQ(json["blocks"], structure.blocks);
  EXPECT_EQ(json["heads"], structure.heads);
  EXPECT_EQ(json["width"], structure.width);
  EXPECT_EQ(json["tokens"], structure.tokens);
  EXPECT_EQ(json["prefix_tokens"], structure.image->prefix_tokens);
  EXPECT_EQ(json["grid"]["rows"], structure.image->grid.rows);
  EXPECT_EQ(json["input"]["height"], structure.image->size.height);
  EXPECT_EQ(json["size_guessed"], false);  // the manifest says it
  EXPECT_EQ(json["readout"], to_string(structure.readout));
  EXPECT_EQ(json["readout_rows"], structure.readout_rows);
  EXPECT_EQ(json["attention"].size(), static_cast<size_t>(structure.blocks));
  EXPECT_EQ(json["rows_restricted"], vit.plan().rows_restricted);
  EXPECT_EQ(json["parameters"], structure.parameters);
  EXPECT_EQ(json["dtype"], "float32");
  EXPECT_EQ(json["labels"].size(), bundle.labels.size());
}

// ---- what it refuses

TEST_F(Program, RefusesWrongArguments) {
  refuses({}, "subcommand");
  refuses({"frobnicate"}, "subcommand");
  refuses({"explain"}, "--model");
  refuses({"explain", "--bogus"}, "required");
  refuses({"explain", "--model", kModel, "--out", path("out")}, "--image or --input-npy");
  refuses({"explain", "--model", kModel, "--image", path("scene.png")}, "--out is required");
  refuses(explain({"--bogus"}), "--bogus");
  refuses(explain({"--class", "0", "--top", "2"}), "--class excludes --top");
  refuses(explain({"--similarity", "dot"}), "--text-embedding");
  refuses(explain({"--input-npy", path("scene.png")}), "--image");
  refuses({"inspect"}, "--model");
  refuses({"inspect", "--model", kModel, "--image", path("scene.png")}, "--image");
}

TEST_F(Program, SaysThatItGuessedTheSizeOfTheImages) {
  const std::string file = Bundle::open(kModel).vision.string();
  const Ran guessed = legrad_program({"inspect", "--model", file});
  EXPECT_EQ(guessed.code, 0);
  EXPECT_TRUE(contains(guessed.out, "guessed"));
  EXPECT_TRUE(contains(guessed.err, "--size"));
  EXPECT_EQ(std::ranges::count(guessed.err, '\n'), 1) << guessed.err;
  const ImageSize size = Vit::load(file).structure().image->size;
  succeeds({"inspect", "--model", file, "--size", std::to_string(size.height) + "x" + std::to_string(size.width)});
}

TEST_F(Program, RefusesWrongValuesOfOptions) {
  refuses(explain({"--method", "gradcam"}), "gradcam");
  refuses(explain({"--readout", "cls"}), "cls");
  refuses(explain({"--readout", "model", "--method", "chefer_cam"}), "--readout belongs to --method legrad");
  refuses(explain({"--colormap", "rainbow"}), "rainbow");
  for (const char* alpha : {"-0.1", "1.5", "nan", "much"}) {
    refuses(explain({"--alpha", alpha}), "--alpha");
  }
  for (const char* top : {"0", "-1", "1.5", "many", "99999999999999999999"}) {
    refuses(explain({"--top", top}), "--top");
  }
  for (const char* threads : {"0", "-1", "1000000", "all"}) {
    refuses(explain({"--threads", threads}), "--threads");
  }
  for (const char* size : {"224", "x", "0x0", "224x", "-1x5", "224x224x3", "99999x99999", "224X224"}) {
    refuses(explain({"--size", size}), "--size");
  }
  for (const char* mean : {"0.5", "0.5,0.5", "a,b,c", "1,2,3,4", "nan,0,0"}) {
    refuses(explain({"--mean", mean}), "--mean");
  }
  refuses(explain({"--std", "1,0,1"}), "--std");
  for (const char* device : {"gpu", "cuda:", "cuda:x", "cuda:999", "", "CPU"}) {
    refuses(explain({"--device", device}), "--device");
  }
  for (const char* dtype : {"int8", "double", "Float32"}) {
    refuses(explain({"--dtype", dtype}), "--dtype");
  }
}

TEST_F(Program, RefusesMethodsAndOptionsThatDoNotGoTogether) {
  refuses(explain({"--method", "grad-cam"}),
          "unknown method 'grad-cam'; the known ones, the nearest first: grad_cam, ");
  refuses(explain({"--method", "legrad,rollout"}), "unknown method");
  refuses(explain({"--no-relu", "--method", "rollout"}), "--no-relu belongs to --method legrad");
  refuses(explain({"--no-relu", "--negative-slope", "0.1"}), "--negative-slope");
  refuses(explain({"--negative-slope", "2"}), "negative_slope");
  refuses(explain({"--multi-layer"}), "--multi-layer belongs to --method grad_cam");
  refuses(explain({"--start-layer", "1"}), "--start-layer belongs to --method rollout and chefer_cam");
  refuses(explain({"--start-layer", "99", "--method", "rollout"}), "blocks 0 to");
  refuses(explain({"--layers", "1:3", "--method", "attention_cam"}), "attention_cam looks at one");
  refuses(explain({"--layers", "1:3", "--method", "grad_cam"}), "multi_layer");
  refuses(explain({"--normalize", "--method", "chefer_cam"}), "no pooler");
  refuses(explain({"--discard-ratio", "1", "--method", "rollout"}), "discard_ratio");
  const auto refuses_compare = [&](const std::string& out, const Arguments& more, const std::string& part) {
    refuses(Arguments{"compare", "--model", kModel, "--image", path("scene.png"), "--out", out} + more, part);
  };
  refuses({"compare", "--model", kModel, "--image", path("scene.png")}, "--out is required");
  refuses_compare(path("x.png"), {"--methods", "legrad,rolout"}, "the nearest first: rollout");
  refuses_compare(path("x.png"), {"--cell", "1"}, "--cell");
  refuses_compare(path("x.gif"), {}, "--out");
  refuses_compare(path("scene.png"), {}, "one of the pictures");
  refuses_compare(path("scene.png/x.png"), {}, "--out");
  fs::create_directory(folder_ / "folder.png");
  refuses_compare(path("folder.png"), {}, "is a folder");
}

TEST_F(Program, RefusesTargetsThatTheModelHasNot) {
  const Bundle bundle = Bundle::open(kModel);
  std::string misspelt = bundle.labels[0];
  misspelt.back() = '#';
  refuses(explain({"--class", misspelt}), "'" + bundle.labels[0] + "'");
  const std::string count = std::to_string(bundle.labels.size());
  refuses(explain({"--class", count}), "out of range");
  refuses(explain({"--class", "-" + std::to_string(bundle.labels.size() + 1)}), "out of range");
  refuses(explain({"--class", "99999999999999999999"}), "unknown class");
  refuses(explain({"--class", "line\nbreak"}), "unknown class");
  refuses(explain({"--top", std::to_string(bundle.labels.size() + 1)}), "--top");
  refuses(explain_with(bundle.vision.string(), {"--class", count}), "out of range");
  refuses(explain_with(bundle.vision.string(), {"--class", "dog"}), "without labels");
  for (const char* layers : {"99", "5:99", "last", "3:3", "1,,2"}) {
    refuses(explain({"--layers", layers}), "layers");
  }
}

TEST_F(Program, RefusesEmbeddingsThatDoNotFit) {
  const int64_t width = static_cast<int64_t>(Bundle::open(kModel).labels.size());
  const auto refuses_embedding = [&](const at::Tensor& embedding, const std::string& part) {
    write_npy(path("text.npy"), embedding);
    refuses(explain({"--text-embedding", path("text.npy")}), part);
  };
  refuses_embedding(at::rand({width + 1}), "[" + std::to_string(width) + "]");
  refuses_embedding(at::rand({1, 1, width}), "shape");
  refuses_embedding(at::rand({0, width}), "shape");
  refuses_embedding(at::ones({width}, at::kLong), "floating-point");
  refuses_embedding(at::full({width}, std::numeric_limits<float>::quiet_NaN()), "NaN");
  refuses(explain({"--text-embedding", path("none.npy")}), "no such file");
  refuses(explain({"--text-embedding", path("scene.png")}), "no NumPy array");
}

TEST_F(Program, AsksForATargetOfAnEmbeddingModel) {
  fs::create_directory(folder_ / "clip");
  fs::copy_file(Bundle::open(kModel).vision, folder_ / "clip/vision.ts");
  folder_.write("clip/manifest.json", R"({"schema_version": 1, "vision": "vision.ts", "kind": "clip"})");
  refuses(explain_with(path("clip")), "give --text-embedding");
  refuses(explain_with(path("clip"), {"--top", "2"}), "give --text-embedding");
  // A bare file says nothing of its kind, but its outputs have length 1.
  refuses(explain_with(LEGRAD_TEST_DATA "/fixtures/open_clip_normalised/model.pt"), "give --text-embedding");
  succeeds(explain_with(path("clip"), {"--class", "7", "--size", "112x112"}));
  EXPECT_TRUE(fs::exists(path("out/scene-class-7.png")));
}

TEST_F(Program, RefusesPicturesItCannotRead) {
  const auto refuses_picture = [&](const std::string& name, const std::string& part) {
    // After a good one, of which nothing may be written either.
    refuses({"explain", "--model", kModel, "--image", path("scene.png"), path(name), "--out", path("out")}, part);
  };
  refuses_picture("none.png", "no such file");
  refuses_picture("more", "folder");
  folder_.write("empty.png", "");
  refuses_picture("empty.png", "empty");
  folder_.write("text.png", "no picture");
  refuses_picture("text.png", "no PNG");
  std::string bytes = testing::file_bytes(folder_ / "scene.png");
  folder_.write("cut.png", bytes.substr(0, bytes.size() / 2));
  refuses_picture("cut.png", "ends too early");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x55);
  folder_.write("damaged.png", bytes);
  refuses_picture("damaged.png", "damaged");
  std::string huge = testing::file_bytes(folder_ / "scene.png");
  folder_.write("huge.png", huge.replace(16, 8, std::string("\0\1\0\0\0\1\0\0", 8)));
  refuses_picture("huge.png", "65536 x 65536");
  folder_.write("none.png", huge.replace(16, 8, std::string(8, '\0')));
  refuses_picture("none.png", "no pixels");
}

TEST_F(Program, RefusesArraysThatDoNotFit) {
  const auto refuses_array = [&](const at::Tensor& array, const std::string& part) {
    write_npy(path("batch.npy"), array);
    refuses({"explain", "--model", kModel, "--input-npy", path("batch.npy"), "--class", "0", "--out", path("out")},
            part);
  };
  refuses_array(at::rand({3, 112, 112}), "[3, 112, 112]");
  refuses_array(at::rand({0, 3, 112, 112}), "[0, 3, 112, 112]");
  refuses_array(at::rand({1, 4, 112, 112}), "");
  refuses_array(at::rand({1, 3, 37, 112}), "");
  refuses_array(at::ones({1, 3, 112, 112}, at::kByte), "Byte");
  refuses_array(at::full({1, 3, 112, 112}, std::numeric_limits<float>::infinity()), "batch.npy' holds NaN");
  const std::string bytes = testing::file_bytes(folder_ / "batch.npy");
  folder_.write("cut.npy", bytes.substr(0, bytes.size() - 1));
  refuses({"explain", "--model", kModel, "--input-npy", path("cut.npy"), "--out", path("out")}, "the file holds");
  refuses({"explain", "--model", kModel, "--input-npy", path("none.npy"), "--out", path("out")}, "no such file");
  refuses({"explain", "--model", kModel, "--input-npy", path("cut.npy"), "--npy", "--out", path("out")}, "--npy");
}

TEST_F(Program, RefusesModelsItCannotLoad) {
  refuses(explain_with(path("none")), "no model at");
  refuses(explain_with(path("more")), "manifest.json");
  refuses(explain_with("/dev/null"), "no model at");
  const auto refuses_file = [&](const std::string& name, const std::string& bytes) {
    folder_.write(name, bytes);
    refuses(explain_with(path(name)), name);
    refuses({"inspect", "--model", path(name)}, name);
  };
  refuses_file("empty.pt", "");
  refuses_file("text.pt", "this is a text, not a model\n");
  refuses_file("garbage.pt", "PK\3\4" + std::string(5000, '\xa7'));
  const std::string whole = testing::file_bytes(Bundle::open(kModel).vision);
  refuses_file("cut.pt", whole.substr(0, whole.size() / 2));
  refuses_file("cut-end.pt", whole.substr(0, whole.size() - 10));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 4);  // a bit of a weight
  refuses_file("flipped.pt", flipped);
}

TEST_F(Program, RefusesManifestsThatDoNotFit) {
  fs::create_directory(folder_ / "model");
  fs::copy_file(Bundle::open(kModel).vision, folder_ / "model/vision.ts");
  const auto refuses_manifest = [&](const std::string& manifest, const std::string& part) {
    folder_.write("model/manifest.json", manifest);
    refuses(explain_with(path("model")), part);
  };
  folder_.write("model/manifest.json", "");
  refuses_manifest("{", "no valid JSON");
  refuses_manifest(R"({"schema_version": 9, "vision": "vision.ts"})", "schema_version");
  refuses_manifest(R"({"schema_version": 1, "vision": "../scene.png"})", "outside");
  refuses_manifest(R"({"schema_version": 1, "vision": "vision.ts", "labels": ["one", "two"]})", "2 labels");
  refuses_manifest(
      R"({"schema_version": 1, "vision": "vision.ts", "grid": [3, 3], "preprocessing": {"size": [112, 112]}})",
      "3 x 3");
}

TEST_F(Program, RefusesFoldersItCannotWriteTo) {
  const auto refuses_folder = [&](const std::string& folder) {
    refuses({"explain", "--model", kModel, "--image", path("scene.png"), "--class", "0", "--out", folder}, "--out");
  };
  refuses_folder(path("scene.png"));
  refuses_folder(path("scene.png/sub"));
  refuses_folder("");
  refuses_folder("/proc/no-folder-can-be-made-here");
  fs::create_symlink(path("nowhere"), path("dangling"));
  refuses_folder(path("dangling"));
}

}  // namespace
}  // namespace legrad
