#include "apps/commands/embed.h"

#include <ATen/Functions.h>
#include <legrad/error.h>
#include <legrad/explainer.h>
#include <legrad/image.h>
#include <legrad/npy.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "apps/options/model.h"
#include "apps/options/prompts.h"
#include "apps/pictures.h"
#include "apps/terminal.h"
#include "model/unit_rows.h"

namespace legrad::apps {
namespace {

struct EmbedOptions {
  ModelOptions model;
  PromptOptions prompts;
  std::vector<std::string> images;
  std::string out;
};

constexpr const char* kEmbedExamples = R"(
Writes a float32 array [K, d] of vectors of length 1, one a prompt or picture, in the order given.

Examples:
  legrad embed --model models/my-clip --prompt "a cat" --prompt "a red car" --out prompts.npy
  legrad embed --model models/my-clip --prompts classes.txt --template "a photo of a {}" --out classes.npy
  legrad embed --model models/my-clip --image *.jpg --out pictures.npy

Exit code: 0; 2 for input that does not fit, with one line on stderr; 1 for a fault of the program.)";

void embed_prompts(const EmbedOptions& options) {
  const auto prompts = read_prompts(options.prompts);
  const Bundle bundle = open_bundle(options.model);
  const auto words = quietly([&] { return TextEncoder::load(bundle, load_options(options.model)); });
  const auto embedded = quietly([&] { return words.encode(prompts, options.prompts.templates); });
  write_npy(options.out, embedded.vectors.to(at::kFloat));
  tell_cut_off(embedded, words.tower().length());
}

void embed_pictures(const EmbedOptions& options) {
  Pictures pictures(options.images);
  const Bundle bundle = open_bundle(options.model);
  const auto vit = quietly([&] { return load_model(bundle, load_options(options.model)); });
  std::vector<at::Tensor> rows;
  pictures.each([&](const std::string& /*picture*/, const at::Tensor& image) {
    const auto input = preprocess(image, vit.structure().image->size, bundle.preprocessing);
    rows.push_back(quietly([&] { return vit.forward(input); }).to(at::kCPU, at::kFloat));
  });
  const auto vectors = model::unit_rows(at::cat(rows));
  if (!at::isfinite(vectors).all().item<bool>()) {
    throw InputError("the model gives NaN or infinite numbers for these pictures", Reason::kNotFinite);
  }
  write_npy(options.out, vectors);
  tell_guess(vit.structure());
  pictures.check_all_were_used();
}

}  // namespace

void add_embed(CLI::App& program) {
  const auto options = std::make_shared<EmbedOptions>();
  CLI::App& command = *program.add_subcommand("embed", "Write what a model makes of prompts or pictures: embeddings");
  command.footer(kEmbedExamples);
  const auto prompts = add_prompt_options(command, options->prompts, "Prompts");
  CLI::Option* const images = command.add_option("--image", options->images, "Instead of prompts: pictures")
                                  ->option_text("FILE")
                                  ->group("Pictures");
  for (CLI::Option* const prompt : prompts) prompt->excludes(images);
  add_model_options(command, options->model);
  command.add_option("--out", options->out, "The file to write")->option_text("FILE.npy")->group("Output")->required();
  command.callback([options] {
    if (!options->prompts.given() && options->images.empty()) {
      throw CLI::RequiredError("--prompt, --prompts or --image");
    }
    use_threads(options->model);
    options->prompts.given() ? embed_prompts(*options) : embed_pictures(*options);
    std::cout << options->out << "\n";
  });
}

}  // namespace legrad::apps
