#include "apps/commands/explain.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/options/methods.h"

namespace legrad::apps {
namespace {

constexpr const char* kExplainExamples =
    R"(
Writes PICTURE-TARGET.png for each picture and target into the folder, and prints a table of scores.

Examples:
  What a model sees in a picture, and what it would look at for two other classes:
    legrad explain --model models/emoji-vit --image scene.png --out out
    legrad explain --model models/emoji-vit --image scene.png --class dog --class 7 --out out

  Many pictures, their three best predictions each, the maps as arrays too:
    legrad explain --model models/emoji-vit --image *.png --top 3 --npy --out out

  A bare export with its own normalisation:
    legrad explain --model vit.pt --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 --image cat.jpg --out out

  Another method, or LeGrad's own options:
    legrad explain --model vit.pt --image cat.jpg --method chefer_cam --out out
    legrad explain --model vit.pt --image cat.jpg --method legrad/readout=token_mean/layers=-4: --out out

  A CLIP or SigLIP with its text tower, asked in words:
    legrad explain --model models/my-clip --image cat.jpg --prompt "a cat" --prompt "a red car" --out out

  Which words of a prompt matter, as a table and as PICTURE-TARGET-words.png:
    legrad explain --model models/emoji-clip --image scene.png --prompt "a red car" --words --out out

  An image tower alone, and prompts embedded elsewhere:
    legrad explain --model clip.pt --image cat.jpg --text-embedding prompts.npy --out out

  Numbers to check against anything: raw maps of an array that is preprocessed already:
    legrad explain --model vit.pt --input-npy batch.npy --class 281 --out out

Exit code: 0; 2 for input that does not fit, with one line on stderr; 1 for a fault of the program.)";

void add_output_options(CLI::App& command, ExplainOptions& options) {
  constexpr const char* kGroup = "Output";
  command.add_option("--out", options.out, "Folder for the files written; made if it is not there")
      ->option_text("DIR")
      ->group(kGroup)
      ->required();
  add_overlay_options(command, options.overlay);
}

}  // namespace

void add_explain(CLI::App& program) {
  const auto options = std::make_shared<ExplainOptions>();
  CLI::App& command = *program.add_subcommand(
      "explain", "Draw where a vision transformer looks: an overlay for each picture and target");
  command.footer(methods_help() + kExplainExamples);

  constexpr const char* kGroup = "Pictures";
  CLI::Option* const images =
      command.add_option("--image", options->images, "Pictures: PNG, JPEG, WebP, BMP, TIFF or PNM")
          ->option_text("FILE")
          ->group(kGroup);
  CLI::Option* const array =
      command
          .add_option(
              "--input-npy", options->input_npy,
              "Instead of pictures: a preprocessed float32 array [B, 3, H, W]. Writes raw.npy, the maps [B, K, rows, "
              "columns] before normalisation, and draws nothing")
          ->option_text("FILE")
          ->group(kGroup);
  add_model_options(command, options->setup.model);
  add_target_options(command, options->setup.target);
  add_method_option(command, options->setup.methods);
  add_correction_options(command, options->setup.correction);
  add_output_options(command, *options);
  CLI::Option* const npy =
      command
          .add_flag("--npy", options->npy, "Write the normalised maps too: PICTURE.npy, float32 [K, H, W] in [0, 1]")
          ->group("Output");
  CLI::Option* const words =
      command
          .add_flag("--words", options->setup.keep_words,
                    "Explain the words of each prompt too: which of them make it like the picture, by legrad or "
                    "grad_eclip with its defaults")
          ->excludes("--template")
          ->group("What to explain");
  CLI::Option* const json =
      command.add_flag("--json", options->json, "Print one JSON object instead of a table")->group("Output");
  array->excludes(images)->excludes(npy)->excludes(words)->excludes(json);

  command.callback([options, images, array] {
    if (images->empty() && array->empty()) {
      throw CLI::RequiredError("--image or --input-npy");
    }
    if (options->setup.keep_words && !options->setup.target.prompts.given()) {
      throw CLI::RequiredError("--words: --prompt or --prompts");
    }
    check_overlay_options(options->overlay);
    array->empty() ? explain_pictures(*options) : explain_array(*options);
  });
}

}  // namespace legrad::apps
