#include "apps/commands/compare.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/options/methods.h"

namespace legrad::apps {
namespace {

constexpr const char* kCompareExamples =
    R"(
Draws one figure: a row for each picture and target, the picture and a column for each method, with the targets'
names and scores. All methods share one forward and one backward sweep. The same method with other options is a column
of its own.

Examples:
  Every method on one picture, for the top prediction:
    legrad compare --model models/emoji-vit --image scene.png --out comparison.png

  Two targets, three methods, and what each block adds to LeGrad:
    legrad compare --model models/emoji-vit --image scene.png --class car --class elephant \
      --methods legrad,grad_cam,chefer_cam --per-layer --out comparison.png

  One method, with other options:
    legrad compare --model vit.pt --image cat.jpg \
      --methods legrad,legrad/readout=token_mean,legrad/layers=0,3,-1 --out comparison.png

  The share of the positive gradient on each block, and within it on prefix tokens, as numbers:
    legrad compare --model vit.pt --image cat.jpg --per-layer --json --out comparison.png

Exit code: 0; 2 for input that does not fit, with one line on stderr; 1 for a fault of the program.)";

void add_output_options(CLI::App& command, CompareOptions& options) {
  constexpr const char* kGroup = "Output";
  constexpr int kMostCell = 2048;
  command.add_option("--out", options.out, "The figure: .png, .jpg, .webp, .bmp or .tif")
      ->option_text("FILE")
      ->group(kGroup)
      ->required();
  command
      .add_flag("--per-layer", options.per_layer,
                "Below the methods, LeGrad block by block, with each block's share of the positive gradient; "
                "these maps are not corrected")
      ->group(kGroup);
  command.add_flag("--json", options.json, "Print one JSON object instead of a table; with --per-layer the shares too")
      ->group(kGroup);
  command.add_option("--cell", options.cell, "Pixels of a picture's longer side in the figure")
      ->option_text("N")
      ->check(CLI::Range(32, kMostCell))
      ->capture_default_str()
      ->group(kGroup);
  add_overlay_options(command, options.overlay);
}

}  // namespace

void add_compare(CLI::App& program) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App& command =
      *program.add_subcommand("compare", "Draw what several methods see in the same pictures, side by side");
  command.footer(methods_help() + kCompareExamples);
  command.add_option("--image", options->images, "Pictures: PNG, JPEG, WebP, BMP, TIFF or PNM")
      ->option_text("FILE")
      ->group("Pictures")
      ->required();
  add_model_options(command, options->setup.model);
  add_target_options(command, options->setup.target);
  add_methods_option(command, options->setup.methods);
  add_correction_options(command, options->setup.correction);
  add_output_options(command, *options);
  command.callback([options] {
    check_overlay_options(options->overlay);
    compare_methods(*options);
  });
}

}  // namespace legrad::apps
