#pragma once

#include <legrad/eval/evaluation.h>
#include <legrad/eval/run.h>
#include <legrad/eval/table.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

namespace legrad::eval::test {

/// The bundled classifier and the scenes beside it.
inline const Explainer& emoji_vit() {
  static const Explainer explainer = Explainer::load(LEGRAD_MODELS "/emoji-vit", {.methods = "legrad,rollout"});
  return explainer;
}

inline std::unique_ptr<DataSet> scenes() { return open_data_set(LEGRAD_MODELS "/../examples/scenes", "coco"); }

/// Runs an evaluation of some scenes into a folder, and adds it up.
inline Table evaluated(const std::filesystem::path& out, const EvaluationOptions& options,
                       const RunOptions& more = {}) {
  const auto data = scenes();
  const Evaluation evaluation(emoji_vit(), *data, options);
  std::filesystem::create_directories(out);
  RunOptions run_options = more;
  run_options.out = out;
  run(evaluation, *data, run_options);
  return tabulate(evaluation, out);
}

inline const Row& row(const Table& table, const std::string& method, const std::string& metric) {
  return *std::ranges::find_if(table.rows,
                               [&](const Row& row) { return row.method == method && row.metric == metric; });
}

}  // namespace legrad::eval::test
