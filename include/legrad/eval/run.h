#pragma once

#include <legrad/eval/data_set.h>
#include <legrad/eval/evaluation.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace legrad::eval {

/// How far a run is.
struct Progress {
  int64_t done = 0;      ///< pictures, those of earlier runs with them
  int64_t begun_at = 0;  ///< of them by earlier runs
  std::optional<int64_t> all = {};
  double seconds = 0;  ///< since this run began
};

struct RunOptions {
  std::filesystem::path out;  ///< a folder
  int64_t limit = 0;          ///< at most that many pictures; 0: all
  bool resume = false;        ///< go on where an earlier run into `out` stopped
  bool strict = false;        ///< stop at the first picture that cannot be read
  /// What is told of the run beside the settings that are the evaluation's own: {"data", "format", ...}.
  std::vector<std::pair<std::string, std::string>> told = {};
  std::function<void(const Progress&)> progress = {};
};

/// Measures a data set's pictures, one after another, and writes down each when it is done: a line of
/// `out/pictures.jsonl`, so a run that is killed loses the picture in hand and no more. The next picture is decoded
/// while one is measured. Pictures that cannot be read, or whose annotations are wrong, are written down as left out.
/// Throws `InputError` where `out` holds a run of other settings, or any where `resume` is not set.
void run(const Evaluation& evaluation, DataSet& data, const RunOptions& options);

}  // namespace legrad::eval
