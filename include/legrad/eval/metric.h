#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/eval/sample.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace legrad::eval {

/// A class that a picture is explained for.
struct Question {
  std::string name;                ///< as the data calls it
  int64_t index = 0;               ///< of the class among the model's
  const Region* region = nullptr;  ///< where it is, if the data says so
  at::Tensor mask = {};  ///< bool [H, W] over the model's input; undefined: the data has none, or none is seen
};

/// A picture as the model sees it, and what is asked about it.
struct Case {
  const Sample* sample = nullptr;
  at::Tensor input;                 ///< [1, 3, H, W], preprocessed
  at::Tensor zero;                  ///< [1, 3, 1, 1]: black, preprocessed
  at::Tensor mean;                  ///< [1, 3, 1, 1]: the picture's mean colour, preprocessed
  at::Tensor scores;                ///< [C] of the model's classes
  std::vector<Question> questions;  ///< [K], each class once
  std::vector<int64_t> labels;      ///< indices of the classes that are right
  std::optional<int64_t> label;     ///< which question explains the right class (of several the one that scores best)
  int64_t predicted = 0;            ///< which question explains the class that scores best
  at::Tensor unlabelled;            ///< bool [H, W] over the model's input; undefined: there are none
  /// Scores of re-runs that depend on no map, by names of the metrics' own: kept for the other methods.
  std::shared_ptr<std::map<std::string, at::Tensor>> known = std::make_shared<std::map<std::string, at::Tensor>>();
  /// The scores [B, C] of other images [B, 3, H, W], preprocessed: run in batches.
  std::function<at::Tensor(const at::Tensor& images)> run;
  /// Another picture, preprocessed [1, 3, H, W].
  std::function<at::Tensor(const std::filesystem::path& picture)> read;
  /// Row and column in the model's input where a place of the picture is seen; none where it was cropped off.
  std::function<std::optional<std::array<int64_t, 2>>(const Point& place)> pixel_of;
  uint64_t seed = 0;  ///< of this picture, for what draws at random
};

/// What a method gave for a case.
struct Maps {
  at::Tensor raw;               ///< float32 [K, rows, columns], as the method gave it
  at::Tensor heat;              ///< float32 [K, H, W]: `raw` resized bilinearly to the model's input; not normalised
  bool looks_at_target = true;  ///< whether the K maps differ
  /// The method's raw maps [K, rows, columns] of an image [1, 3, H, W] for classes of the model.
  std::function<at::Tensor(const at::Tensor& image, const std::vector<int64_t>& classes)> of;
  /// Its raw maps [rows, columns] of the case for the class that scores best, as more and more of the model's weights
  /// are shuffled: the readout's, then the last block's too, and so on to the embedding's. Where a metric needs it.
  std::function<std::vector<at::Tensor>()> randomised = {};
};

/// What a metric cannot do without.
struct Needs {
  bool label = false;  ///< the class that is right
  bool masks = false;
  bool points = false;
  bool parts = false;
  bool runs = false;        ///< runs the model again
  bool maps = false;        ///< explains again
  bool randomised = false;  ///< explains by models whose weights are shuffled
};

/// A number that a metric gives, from sums over pictures.
struct Score {
  std::string name;      ///< "pixel_ap"
  std::string explains;  ///< one phrase
  bool higher_is_better = true;
  std::function<double(std::span<const double> sums)> value;  ///< NaN: nothing was counted
  std::function<double(std::span<const double> sums)> count;  ///< how many pictures, objects or points it is made of
};

/// What a score is the area under, or how it comes about step by step.
struct Curve {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

/// A metric: what it counts in each picture, and the numbers that the sums over all pictures give.
struct Metric {
  std::string name;     ///< "segmentation"
  std::string source;   ///< paper, equation
  std::string formula;  ///< in a line
  Needs needs = {};
  std::vector<Score> scores;
  /// What a picture adds to the sums, always as many numbers; empty: it says nothing about this picture. Deterministic.
  std::function<std::vector<double>(const Case&, const Maps&)> measure;
  /// The curves behind its scores, where there are any; of sums over at least one picture.
  std::function<std::vector<Curve>(std::span<const double> sums)> curves = {};
};

/// Sums {total, n} -> their quotient: the mean of what `measure` counted.
Score mean_score(std::string name, std::string explains, bool higher_is_better = true, size_t first = 0);

/// All metrics, for data whose classes are `classes` in number.
std::vector<Metric> built_in_metrics(int64_t classes);

}  // namespace legrad::eval
