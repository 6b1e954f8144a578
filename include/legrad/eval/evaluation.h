#pragma once

#include <ATen/core/Tensor.h>
#include <legrad/eval/classes.h>
#include <legrad/eval/data_set.h>
#include <legrad/eval/metric.h>
#include <legrad/explainer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace legrad::eval {

struct EvaluationOptions {
  std::string metrics = "all";   ///< names of scores or metrics; "all": those for which the data has what they need
  std::string controls = "all";  ///< of "random", "centred_blob", "mask", "shuffled"; "all", or "none"
  uint64_t seed = 0;             ///< of all that is drawn at random
  bool per_layer = false;        ///< also what LeGrad sees in every block
  ClassesInWords words = {};     ///< what a zero-shot classifier without labels chooses among
};

/// What is evaluated: a method of the explainer, or a control.
struct Subject {
  std::string name;  ///< the method's spec, "random", ..., or "SPEC on shuffled weights"
  bool control = false;
};

/// What LeGrad sees in every block of a picture: of the right class where there is one, else of the one that scores
/// best.
struct Layers {
  std::string asked;                ///< that class
  std::vector<double> share = {};   ///< [L] each block's share of the positive gradient (LeGrad's supplement, §10)
  std::vector<double> prefix = {};  ///< [L] of that, the share on tokens that are no patches (§7.2)
};

/// What a picture adds to the sums of all metrics, for each subject.
struct Counted {
  std::string id;
  std::string left_out;                                  ///< why nothing was counted; empty: it was
  std::vector<std::vector<std::vector<double>>> counts;  ///< [subject][metric] as `Metric::measure` gives it
  std::optional<Layers> layers = {};
};

/// A picture, and what every method sees in it of one class.
struct GalleryPicture {
  std::string id;
  std::string asked;                                     ///< the class that is explained
  at::Tensor picture;                                    ///< RGB bytes [H, W, 3], as the model sees it
  std::vector<std::pair<std::string, at::Tensor>> maps;  ///< each subject's, [H, W] in [0, 1]
  std::vector<at::Tensor> layers;                        ///< LeGrad block by block, likewise; empty without it
  /// Where `perturbation` is measured, for each method the picture, made small, as the hottest pixels go, 10 % to 90 %,
  /// and whether the class that is explained is the best one still.
  struct Strip {
    std::string method;
    std::vector<std::pair<at::Tensor, bool>> steps;
  };
  std::vector<Strip> strips;
};

/// Methods, controls and metrics on one model: pictures in, counts out. What cannot be measured on the data is refused
/// before anything runs.
class Evaluation {
 public:
  /// Throws `InputError` for metrics or controls that are not known, or need what the data lacks; where the model knows
  /// none of the data's classes.
  Evaluation(Explainer explainer, const DataSet& data, const EvaluationOptions& options = {});
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;
  ~Evaluation();

  const std::vector<Subject>& subjects() const;
  const std::vector<Metric>& metrics() const;
  /// The names of the scores that were asked for.
  const std::vector<std::string>& scores() const;
  uint64_t seed() const;
  bool per_layer() const;
  const Explainer& explainer() const;
  const Classes& classes() const;
  /// Classes of the data that the model has none for.
  const std::vector<std::string>& unknown_classes() const;

  /// Measures one picture, RGB bytes [H, W, 3]. What does not fit throws `InputError`.
  Counted count(const Sample& sample, const at::Tensor& picture) const;

  /// What all subjects see in a picture of one class: the first that the data shows there, else the right one, else the
  /// one that scores best.
  GalleryPicture show(const Sample& sample, const at::Tensor& picture) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Names of everything that `EvaluationOptions::metrics` takes, with what they need, source and formula, in lines of
/// text; or as one JSON array [{"name", "metric", "explains", "higher_is_better", "needs", "source", "formula"}].
std::string metrics_text();
std::string metrics_json();

}  // namespace legrad::eval
