#include "apps/commands/heads.h"

#include <ATen/Functions.h>
#include <c10/util/StringUtil.h>
#include <legrad/decomposition.h>
#include <legrad/error.h>
#include <legrad/explainer.h>
#include <legrad/image.h>
#include <legrad/layers.h>
#include <legrad/text/text_encoder.h>
#include <legrad/text_basis.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/options/model.h"
#include "apps/options/prompts.h"
#include "apps/pictures.h"
#include "apps/terminal.h"
#include "io/words.h"

namespace legrad::apps {
namespace {

struct HeadsOptions {
  ModelOptions model;
  std::vector<std::string> images;
  std::string texts;
  std::string layers;
  int64_t basis = 5;
  bool json = false;
};

constexpr const char* kHeadsExamples = R"(
Prints for each head of the last blocks which texts say best how its contribution to the output differs from picture
to picture, and the share of its variance that each of them explains (TextSpan, Gandelsman et al., ICLR 2024).

Examples:
  legrad heads --model models/emoji-clip --images examples/scenes --text-set words.txt
  legrad heads --model models/my-clip --images *.jpg --text-set words.txt --layers -2: --basis 10 --json

The more pictures and the more varied, the more the texts say; the paper takes ImageNet's 50,000 and 3,498 texts.

Exit code: 0; 2 for input that does not fit, with one line on stderr; 1 for a fault of the program.)";

/// The texts of one head.
struct HeadTexts {
  int64_t block = 0;
  int64_t head = 0;
  TextBasis basis;
};

/// What a run found.
struct Found {
  std::string model;
  std::vector<std::string> texts;  ///< to choose among
  EmbeddedPrompts embedded;        ///< the texts
  int64_t text_length = 0;         ///< tokens that the model reads of one
  Structure structure;
  int64_t pictures = 0;  ///< that were read
  std::vector<HeadTexts> heads;
};

/// The last four, where the options do not say.
std::vector<int64_t> layers_of(const HeadsOptions& options, int64_t blocks) {
  constexpr int64_t kLast = 4;
  if (options.layers.empty()) return resolve_layers({}, blocks, std::max<int64_t>(blocks - kLast, 0));
  return parse_layers(options.layers, blocks);
}

/// Heads' contributions to the outputs of all pictures, [n, L, h, D].
at::Tensor contributions(const Bundle& bundle, const Vit& vit, Pictures& pictures) {
  std::vector<at::Tensor> heads;
  pictures.each([&](const std::string& /*picture*/, const at::Tensor& image) {
    const auto input = preprocess(image, vit.structure().image->size, bundle.preprocessing);
    heads.push_back(quietly([&] { return decompose(vit, input); }).heads.cpu());
  });
  return at::cat(heads);
}

Found find(const HeadsOptions& options, Pictures& pictures) {
  Found found;
  found.texts = read_lines(options.texts, "file of texts");
  const Bundle bundle = open_bundle(options.model);
  const auto load = load_options(options.model);
  const auto words = quietly([&] { return TextEncoder::load(bundle, load); });
  const auto vit = quietly([&] { return load_model(bundle, load); });
  const auto layers = layers_of(options, vit.structure().blocks);
  found.model = bundle.name;
  found.structure = vit.structure();
  found.embedded = quietly([&] { return words.encode(found.texts); });
  found.text_length = words.tower().length();
  if (words.tower().width() != found.structure.output_width) {
    throw InputError(c10::str("texts have embeddings of ", words.tower().width(), " numbers, pictures of ",
                              found.structure.output_width, ", so neither says anything of the other"));
  }
  const auto heads = contributions(bundle, vit, pictures);
  found.pictures = heads.size(0);
  for (const int64_t block : layers) {
    for (int64_t head = 0; head < heads.size(2); ++head) {
      const auto of_head = heads.select(1, block).select(1, head);
      found.heads.push_back({block, head, greedy_text_basis(of_head, found.embedded.vectors, options.basis)});
    }
  }
  return found;
}

std::string heads_text(const Found& found) {
  std::vector<std::vector<std::string>> rows = {{"block", "head", "share", "text"}};
  for (const auto& [block, head, basis] : found.heads) {
    rows.push_back({std::to_string(block), std::to_string(head), percent(basis.explained()), "(all of these)"});
    for (size_t i = 0; i < basis.texts.size(); ++i) {
      const std::string& text = found.texts[static_cast<size_t>(basis.texts[i])];
      rows.push_back({"", "", percent(basis.shares[i]), io::one_line(text)});
    }
  }
  return table(rows);
}

std::string heads_json(const Found& found) {
  nlohmann::ordered_json heads = nlohmann::ordered_json::array();
  for (const auto& [block, head, basis] : found.heads) {
    nlohmann::ordered_json texts = nlohmann::ordered_json::array();
    for (size_t i = 0; i < basis.texts.size(); ++i) {
      texts.push_back({{"text", found.texts[static_cast<size_t>(basis.texts[i])]}, {"share", basis.shares[i]}});
    }
    heads.push_back({{"block", block}, {"head", head}, {"explained", basis.explained()}, {"texts", texts}});
  }
  const nlohmann::ordered_json whole = {
      {"model", found.model}, {"pictures", found.pictures}, {"texts", found.texts.size()}, {"heads", heads}};
  return whole.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void heads(const HeadsOptions& options) {
  Pictures pictures(picture_files(options.images));
  const Found found = find(options, pictures);
  std::cout << (options.json ? heads_json(found) : heads_text(found));
  tell_guess(found.structure);
  tell_cut_off(found.embedded, found.text_length);
  pictures.check_all_were_used();
}

}  // namespace

void add_heads(CLI::App& program) {
  constexpr int64_t kMostTexts = 1000;
  const auto options = std::make_shared<HeadsOptions>();
  CLI::App& command = *program.add_subcommand("heads", "Say in words what a CLIP's attention heads look for");
  command.footer(kHeadsExamples);
  command
      .add_option("--images,--image", options->images,
                  "Pictures, or a folder of them: PNG, JPEG, WebP, BMP, TIFF or PNM")
      ->option_text("FILES|FOLDER")
      ->group("Pictures")
      ->required();
  command.add_option("--text-set", options->texts, "A text file (UTF-8) with a text a line, to choose among")
      ->option_text("FILE")
      ->group("Texts")
      ->required();
  command.add_option("--basis", options->basis, "How many texts each head gets")
      ->option_text("N")
      ->check(CLI::Range(int64_t{1}, kMostTexts))
      ->capture_default_str()
      ->group("Texts");
  add_model_options(command, options->model);
  command
      .add_option("--layers", options->layers, "Blocks from 0, negative ones from the end, as in -2: [the last four]")
      ->option_text("SPEC")
      ->group("Model");
  command.add_flag("--json", options->json, "Print one JSON object instead of a table")->group("Output");
  command.callback([options] {
    use_threads(options->model);
    heads(*options);
  });
}

}  // namespace legrad::apps
