#include "apps/commands/evaluate.h"

#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/eval/report.h>
#include <legrad/eval/run.h>
#include <legrad/eval/table.h>
#include <legrad/explainer.h>
#include <legrad/text/text_encoder.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>

#include "apps/options/correction.h"
#include "apps/options/methods.h"
#include "apps/options/model.h"
#include "apps/terminal.h"
#include "io/atomic_file.h"
#include "io/words.h"

namespace legrad::apps {
namespace {

namespace fs = std::filesystem;

struct EvaluateOptions {
  ModelOptions model;
  CorrectionOptions correction;
  std::string methods = "all";
  std::string data;
  std::string format;
  std::string label_map;
  std::vector<std::string> templates;
  eval::EvaluationOptions evaluation;
  eval::RunOptions run;
  std::string out;
};

constexpr int64_t kPicturesShown = 8;

constexpr const char* kEvaluateExamples = R"(
Measures which method's maps tell the truth about a model, on pictures whose answers are known, beside controls: random
maps, a blob in the middle, the objects' masks, and each method on the same model with its weights shuffled. Every
number comes with its standard error over pictures; where a metric cannot tell the methods from random maps, it ranks
nothing, and says so.

Writes into --out: results.json, results.csv, results.md, report.html with pictures, and pictures.jsonl, what was
counted in each picture, from which --resume goes on.

Examples:
  The bundled model on the scenes beside it:
    legrad evaluate --model models/emoji-vit --data examples/scenes --format coco --methods paper \
      --metrics pixel_ap,pointing,own_over_other --out results

  ImageNet-style folders, with what the model calls each of them:
    legrad evaluate --model my-vit --data imagenet/val --format folders --label-map names.json \
      --metrics perturbation --out results

  A CLIP, asked for the data's classes in words:
    legrad evaluate --model my-clip --data voc --format masks --template "a photo of a {}" --out results

Exit code: 0; 2 for input that does not fit, with one line on stderr; 1 for a fault of the program.)";

std::string duration(double seconds) {
  const auto whole = std::llround(seconds);
  std::array<char, 64> text{};
  if (whole >= 3600) {
    std::snprintf(text.data(), text.size(), "%lld h %02lld min", whole / 3600, whole % 3600 / 60);
  } else if (whole >= 60) {
    std::snprintf(text.data(), text.size(), "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lld s", whole);
  }
  return text.data();
}

std::string progress_text(const eval::Progress& progress) {
  const double rate = static_cast<double>(progress.done - progress.begun_at) / std::max(progress.seconds, 1e-9);
  std::array<char, 32> shown{};
  std::snprintf(shown.data(), shown.size(), "%.3g", rate);
  std::string text = std::to_string(progress.done);
  if (progress.all) text += " of " + std::to_string(*progress.all);
  text += " pictures, " + std::string(shown.data()) + " a second";
  if (progress.all) text += ", " + duration(static_cast<double>(*progress.all - progress.done) / rate) + " left";
  return text;
}

/// An explainer, and the data's classes in words where the model has no classes of its own.
struct Ready {
  Explainer explainer;
  eval::ClassesInWords words;
};

Ready make_ready(const EvaluateOptions& options, const eval::DataSet& data) {
  const Bundle bundle = open_bundle(options.model);
  const LoadOptions load = load_options(options.model);
  CorrectionChoice correction = correction_choice(options.correction);
  eval::ClassesInWords words;
  const bool in_words = bundle.gives_embedding() && (bundle.label_embeddings.empty() || !options.templates.empty());
  const bool needs_empty_prompt = correction.needs_empty_prompt(bundle) && bundle.takes_words;
  if (in_words || needs_empty_prompt) {
    const auto encoder = TextEncoder::load(bundle, load);
    if (needs_empty_prompt) correction.empty_embedding = encoder.empty_prompt();
    if (in_words) {
      words.names = data.classes();
      const auto& templates = options.templates.empty() ? encoder.manifest().templates : options.templates;
      words.embeddings = encoder.encode(words.names, templates).vectors;
    }
  }
  return {Explainer::load(bundle, {.methods = options.methods, .correction = correction}, load), std::move(words)};
}

void write(const fs::path& out, const eval::Table& table, const std::vector<eval::GalleryPicture>& pictures) {
  io::write_atomically(out / "results.json", {eval::table_json(table)});
  io::write_atomically(out / "results.csv", {eval::table_csv(table)});
  io::write_atomically(out / "results.md", {eval::table_markdown(table)});
  io::write_atomically(out / "report.html", {eval::report_html(table, pictures)});
}

void tell_notes(const eval::Evaluation& evaluation, const eval::Table& table) {
  tell_guess(evaluation.explainer().vit().structure());
  if (const auto& unknown = evaluation.unknown_classes(); !unknown.empty()) {
    std::cerr << "note: the model has no class for " << unknown.size() << " of the data's, as '"
              << io::one_line(unknown.front()) << "'; what shows them was not asked for\n";
  }
  if (table.left_out_count == 0) return;
  std::cerr << "note: " << table.left_out_count << " pictures were left out, as "
            << io::one_line(table.left_out.front().first) << ": " << io::one_line(table.left_out.front().second)
            << "\n";
}

/// The options that decide what is measured, where they were given; `Evaluation` knows the others.
std::vector<std::pair<std::string, std::string>> told(const EvaluateOptions& options) {
  std::vector<std::pair<std::string, std::string>> all = {{"data", options.data}, {"format", options.format}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) all.emplace_back(name, value);
  };
  add("label_map", options.label_map);
  add("templates", io::joined(options.templates, " | "));
  add("output", options.model.output);
  add("at", options.model.place);
  if (options.correction.threshold != CorrectionOptions().threshold) {
    add("correction_threshold", c10::str(options.correction.threshold));
  }
  if (options.correction.off) add("correction", "off");
  add("empty_embedding", options.correction.empty_embedding);
  return all;
}

void evaluate(EvaluateOptions options) {
  const fs::path out = options.out;
  std::error_code error;
  if (fs::exists(out, error) && !fs::is_directory(out, error)) {
    throw InputError("--out '" + options.out + "' is no folder; give another name");
  }
  use_threads(options.model);
  const auto data = eval::open_data_set(options.data, options.format, {.label_map = options.label_map});
  StatusLine status;
  eval::Table table;
  std::vector<eval::GalleryPicture> pictures;
  std::unique_ptr<eval::Evaluation> evaluation;
  {
    const QuietStderr quiet;
    Ready ready = make_ready(options, *data);
    options.evaluation.words = std::move(ready.words);
    evaluation = std::make_unique<eval::Evaluation>(std::move(ready.explainer), *data, options.evaluation);
    const bool made = fs::create_directories(out, error);
    if (error) throw InputError("cannot make the folder --out '" + options.out + "': " + error.message());
    options.run.out = out;
    options.run.told = told(options);
    options.run.progress = [&](const eval::Progress& progress) { status.show(progress_text(progress)); };
    eval::run(*evaluation, *data, options.run);
    table = eval::tabulate(*evaluation, out);
    if (table.pictures == 0) {
      fs::remove(out / "pictures.jsonl", error);  // it would stand in the way of a run that can measure some
      if (made) fs::remove(out, error);
      throw InputError("no picture could be measured" + (table.left_out.empty()
                                                             ? std::string("; the data has none")
                                                             : ", the first as " + table.left_out.front().second));
    }
    const auto again = eval::open_data_set(options.data, options.format, {.label_map = options.label_map});
    pictures = eval::gallery(*evaluation, *again, kPicturesShown);
  }
  write(out, table, pictures);
  std::cout << eval::table_text(table);
  tell_notes(*evaluation, table);
}

void add_data_options(CLI::App& command, EvaluateOptions& options) {
  constexpr const char* kGroup = "Data";
  command.add_option("--data", options.data, "A folder, or the annotations' file, as the format has it")
      ->option_text("PATH")
      ->group(kGroup)
      ->required();
  command.add_option("--format", options.format, io::joined(eval::data_formats()))
      ->option_text("NAME")
      ->group(kGroup)
      ->required();
  command
      .add_option("--label-map", options.label_map,
                  "A JSON object: what the data calls a class, its name for the model")
      ->option_text("FILE")
      ->group(kGroup);
  command
      .add_option("--template", options.templates,
                  "Text that the data's classes are put into, for a model that is asked in words; may be repeated")
      ->option_text("TEXT")
      ->allow_extra_args(false)
      ->group(kGroup);
  command.add_option("--limit", options.run.limit, "At most that many pictures [all]")
      ->option_text("N")
      ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()))
      ->group(kGroup);
  command.add_flag("--strict", options.run.strict, "Stop at a picture that cannot be read, instead of leaving it out")
      ->group(kGroup);
}

void add_evaluation_options(CLI::App& command, EvaluateOptions& options) {
  constexpr const char* kGroup = "Evaluation";
  command
      .add_option("--metrics", options.evaluation.metrics,
                  "A comma list of metrics or their scores (legrad metrics), or all that the data is enough for")
      ->option_text("LIST|all")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--controls", options.evaluation.controls,
                  "A comma list of random, centred_blob, mask and shuffled, or none")
      ->option_text("LIST|all|none")
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_flag("--per-layer", options.evaluation.per_layer,
                "Also each block's share of LeGrad's positive gradient, and what of it lies on prefix tokens")
      ->group(kGroup);
  command.add_option("--seed", options.evaluation.seed, "Of all that is drawn at random")
      ->option_text("S")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(kGroup);
  command.add_option("--out", options.out, "A folder for the results")->option_text("DIR")->group("Output")->required();
  command.add_flag("--resume", options.run.resume, "Go on with the run that --out holds")->group("Output");
}

}  // namespace

void add_evaluate(CLI::App& program) {
  const auto options = std::make_shared<EvaluateOptions>();
  CLI::App& command = *program.add_subcommand("evaluate", "Measure which method's maps tell the truth about a model");
  command.footer(methods_help() + kEvaluateExamples);
  add_data_options(command, *options);
  add_model_options(command, options->model);
  add_methods_option(command, options->methods);
  add_correction_options(command, options->correction);
  add_evaluation_options(command, *options);
  command.callback([options] { evaluate(*options); });
}

}  // namespace legrad::apps
