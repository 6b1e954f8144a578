// Times what a perturbation metric costs for a picture against the batched forwards that it cannot do without,
// interleaved in one run. Prints one JSON object.

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <legrad/eval.h>
#include <legrad/image.h>
#include <legrad/legrad.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "eval/metrics/rerun.h"
#include "program.h"
#include "timing.h"

namespace {

using legrad::bench::median;
using legrad::bench::milliseconds;

struct Options {
  std::string model;
  std::string data;
  std::string format = "scenes";
  int threads = 0;
  int pictures = 12;
};

nlohmann::json measure(const Options& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  const c10::InferenceMode inference;
  // Both maps are the same for every class: what a picture's re-runs are does not depend on how it is classified.
  const auto explainer = legrad::Explainer::load(options.model, {.methods = "raw_attention"});
  const auto data = legrad::eval::open_data_set(options.data, options.format);
  const legrad::eval::Evaluation evaluation(explainer, *data,
                                            {.metrics = "perturbation_positive_predicted", .controls = "random"});
  std::vector<double> counted;
  std::vector<double> without_reruns;
  std::vector<double> forwards;
  for (int picture = 0; picture <= options.pictures; ++picture) {
    const auto sample = data->next();
    if (!sample) break;
    const at::Tensor pixels = legrad::read_image(sample->picture);
    const at::Tensor image = legrad::preprocess(pixels, explainer);
    const at::Tensor batch = image.repeat({legrad::eval::kRerunBatch, 1, 1, 1});  // a map's re-runs are one batch
    const double whole = milliseconds([&] { evaluation.count(*sample, pixels); });
    const double map = milliseconds([&] {
      explainer.vit().forward(image);
      explainer.explain(image);
    });
    const double forward = milliseconds([&] { explainer.vit().forward(batch); });
    if (picture == 0) continue;  // to warm up
    counted.push_back(whole);
    without_reruns.push_back(map);
    forwards.push_back(forward);
  }
  if (forwards.empty()) throw legrad::InputError("'" + options.data + "' holds fewer than two pictures");
  const auto maps = static_cast<double>(evaluation.subjects().size());
  const double picture_ms = median(counted);
  const double map_ms = median(without_reruns);
  const double forward_ms = median(forwards);
  return {{"picture_ms", picture_ms},
          {"map_ms", map_ms},
          {"batched_forward_ms", forward_ms},
          {"batched_forwards", maps},
          {"ratio", (picture_ms - map_ms) / (maps * forward_ms)},
          {"pictures", forwards.size()},
          {"threads", at::get_num_threads()}};
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what is thrown while an error is printed may end the program
int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Times a picture's re-runs for a perturbation metric, of two maps that are the same for every class, against as "
      "many forwards in batches of 18. What a map and the picture's own forward take is subtracted.");
  app.add_option("--model", options.model, "Folder with a manifest")->required()->check(CLI::ExistingPath);
  app.add_option("--data", options.data, "Pictures with labels")->required()->check(CLI::ExistingPath);
  app.add_option("--format", options.format, "Their layout")->capture_default_str();
  app.add_option("--threads", options.threads, "CPU threads [all cores]")->check(CLI::Range(1, 1024));
  app.add_option("--pictures", options.pictures, "Pictures that are timed, after one to warm up; medians are printed")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  return legrad::bench::run_program("legrad_bench_reruns", app, argc, argv,
                                    [&] { std::cout << measure(options).dump(2) << "\n"; });
}
