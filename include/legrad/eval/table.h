#pragma once

#include <legrad/eval/evaluation.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace legrad::eval {

/// One number of a table, with what is known of its error. Errors are standard deviations over 1000 draws of as many
/// pictures with replacement (the bootstrap), the same pictures for every method, so that differences are paired.
struct Row {
  std::string method;  ///< its spec, or a control's name
  bool control = false;
  std::string metric;
  double value = 0;                      ///< NaN: nothing was counted
  std::optional<double> error = {};      ///< none with fewer than two pictures
  double count = 0;                      ///< pictures, objects or points that it is made of
  std::optional<double> from_best = {};  ///< its value minus that of the best method (controls apart)
  std::optional<double> from_best_error = {};
  std::optional<bool> beats_random = {};  ///< whether the 95 % interval of its lead over "random" lies above 0
};

/// What a table says of one metric as a whole.
struct MetricSummary {
  std::string name;
  std::string explains;
  std::string source;
  std::string formula;
  bool higher_is_better = true;
  /// Whether it can tell any of the methods from "random" at all, at 5 % with Bonferroni's correction for the number of
  /// methods. Where not, as with a handful of pictures, it ranks nothing. None without a value of that control.
  std::optional<bool> tells_from_random = {};
};

/// What LeGrad sees in the blocks, as means over pictures.
struct LayerTable {
  struct OfClass {
    std::string name;
    int64_t pictures = 0;
    std::vector<double> share;  ///< [L]
  };
  int64_t pictures = 0;
  std::vector<double> share;         ///< [L] of the positive gradient
  std::vector<double> share_error;   ///< [L] its standard error over pictures
  std::vector<double> prefix_share;  ///< [L] of that, the part on tokens that are no patches
  std::vector<OfClass> classes;      ///< by name
};

/// A curve of one method or control.
struct DrawnCurve {
  std::string method;
  bool control = false;
  Curve curve;
};

struct Table {
  std::string settings;                                       ///< one JSON object
  int64_t pictures = 0;                                       ///< that were measured
  std::vector<std::pair<std::string, std::string>> left_out;  ///< pictures that were not, and why; the first hundred
  int64_t left_out_count = 0;
  std::vector<MetricSummary> metrics;
  std::vector<DrawnCurve> curves;    ///< of metrics that have them
  std::optional<LayerTable> layers;  ///< where `EvaluationOptions::per_layer` asked for them
  std::vector<Row> rows;  ///< by metric, then the subjects in their order, controls only where it counts something
};

/// Adds up what `run` wrote into `out`. Memory does not grow with the number of pictures: they are gathered into at
/// most 1000 groups, which the bootstrap draws. Throws `InputError` where `out` holds no run of this evaluation.
Table tabulate(const Evaluation& evaluation, const std::filesystem::path& out);

/// {"settings", "pictures", "left_out", "metrics", "rows": [{"method", "control", "metric", "value", "stderr", "count",
/// "from_best", "from_best_stderr", "beats_random"}]}; what is not known is null.
std::string table_json(const Table& table);
/// The rows, a line each, with a header.
std::string table_csv(const Table& table);
/// For each metric a table of methods, best first where it can tell them from random, then controls; and the settings.
std::string table_markdown(const Table& table);
/// The same for a terminal: a line for each method, a column for each metric.
std::string table_text(const Table& table);

}  // namespace legrad::eval
