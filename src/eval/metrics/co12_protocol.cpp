#include "eval/metrics/co12_protocol.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include "eval/metrics/formulas.h"
#include "eval/numbers.h"

namespace legrad::eval::funnybirds {
namespace {

constexpr size_t kCurves = 4;
constexpr size_t kMeans = 4;
constexpr size_t kCurve = kThresholds + 1;  // numbers of a curve, its count last
constexpr size_t kMeansBegin = kCurves * kCurve;
constexpr size_t kSums = kMeansBegin + 2 * kMeans;

using Sums = std::vector<double>;

size_t place(ByThreshold protocol) { return static_cast<size_t>(protocol) * kCurve; }
size_t place(Single single) { return kMeansBegin + 2 * static_cast<size_t>(single); }

void add(Sums& sums, Single single, double value) {
  sums[place(single)] += value;
  sums[place(single) + 1] += 1;
}

/// Adds score(t) of one picture for each threshold.
template <class ScoreAt>
void add(Sums& sums, ByThreshold protocol, const ScoreAt& score) {
  for (size_t j = 0; j < kThresholds; ++j) sums[place(protocol) + j] += score(threshold(j));
  sums[place(protocol) + kThresholds] += 1;
}

bool has(Parts parts, size_t part) { return (parts >> part & 1U) != 0; }

/// The parts in which two classes are alike.
Parts shared(const PartTable& table, size_t a, size_t b) {
  Parts parts = 0;
  for (size_t p = 0; p < table.parts.size(); ++p) {
    if (table.variants[a][p] == table.variants[b][p]) parts |= Parts{1} << p;
  }
  return parts;
}

bool is_important(const Importance& importance, size_t object, double t) {
  return importance.objects[object] > t * importance.sum;
}

/// The important parts, E_t.
Parts important(const Importance& importance, size_t parts, double t) {
  Parts found = 0;
  for (size_t p = 0; p < parts; ++p) {
    if (is_important(importance, p, t)) found |= Parts{1} << p;
  }
  return found;
}

int64_t best_class(const at::Tensor& scores) {
  const std::vector<double> all = numbers(scores);
  return std::ranges::max_element(all) - all.begin();
}

double of_class(const at::Tensor& scores, int64_t label) { return scores[label].to(at::kDouble).item<double>(); }

/// Whether the score of a class is as good, to a twentieth, without an object as with it.
bool is_irrelevant(double with, double without) {
  constexpr double kTolerance = 0.05;
  return std::abs(with - without) < std::abs(kTolerance * with) || with < without;
}

/// One picture, and what the protocols ask about it.
class Protocol {
 public:
  Protocol(const PartPictures& parts, const Answers& answers, const Explain& explain)
      : parts_(parts),
        answers_(answers),
        explain_(explain),
        count_(parts.table->parts.size()),
        all_((Parts{1} << count_) - 1),
        predicted_(best_class(answers.whole)),
        for_label_(explain(parts.label)) {}

  Sums run() {
    add(sums_, Single::kAccuracy, predicted_ == parts_.label ? 1 : 0);
    if (predicted_ == parts_.label) controlled_synthetic_data_check();
    if (answers_.with_parts) {
      preservation_and_deletion();
      deletions();
      target_sensitivity();
    }
    return sums_;
  }

 private:
  /// CSDC: which share of a sufficient set is found, of the set of which most is.
  void controlled_synthetic_data_check() {
    const std::vector<Parts> sets = sufficient_sets(*parts_.table, parts_.label);
    add(sums_, ByThreshold::kCsdc, [&](double t) {
      const Parts found = important(for_label_, count_, t);
      double best = 0;
      for (const Parts set : sets) {
        best = std::max(best, static_cast<double>(std::popcount(set & found)) / std::popcount(set));
      }
      return best;
    });
  }

  /// PC: whether the important parts alone keep the prediction; DC: whether it changes without them.
  void preservation_and_deletion() {
    const Importance explained = predicted_ == parts_.label ? for_label_ : explain_(predicted_);
    std::map<Parts, bool> keeps;  // of each set of parts that is asked for, whether it keeps the prediction
    for (size_t j = 0; j < kThresholds; ++j) {
      const Parts found = important(explained, count_, threshold(j));
      keeps[found] = keeps[all_ & ~found] = false;
    }
    std::vector<Parts> asked;
    asked.reserve(keeps.size());
    for (const auto& [kept, ignored] : keeps) asked.push_back(kept);
    const at::Tensor scores = answers_.with_parts(asked);
    for (size_t i = 0; i < asked.size(); ++i) {
      keeps[asked[i]] = best_class(scores[static_cast<int64_t>(i)]) == predicted_;
    }
    add(sums_, ByThreshold::kPc, [&](double t) { return keeps[important(explained, count_, t)] ? 1 : 0; });
    add(sums_, ByThreshold::kDc, [&](double t) { return keeps[all_ & ~important(explained, count_, t)] ? 0 : 1; });
  }

  /// SD, D and BI, which all ask what the right class scores without one part or object.
  void deletions() {
    std::vector<Parts> one_less;
    for (size_t p = 0; p < count_; ++p) one_less.push_back(all_ & ~(Parts{1} << p));
    std::vector<double> without = numbers(answers_.with_parts(one_less).select(1, parts_.label));
    single_deletion(without);
    if (parts_.background > 0) {
      const std::vector<double> background = numbers(answers_.without_background().select(1, parts_.label));
      without.insert(without.end(), background.begin(), background.end());
    }
    distractibility(without);
  }

  /// SD: whether parts are ranked as the score falls without them.
  void single_deletion(const std::vector<double>& without) {
    std::vector<double> falls;
    falls.reserve(without.size());
    for (const double score : without) falls.push_back(of_class(answers_.whole, parts_.label) - score);
    const auto r = spearman(falls, std::span(for_label_.objects).first(count_));
    if (r) add(sums_, Single::kSingleDeletion, 0.5 * *r + 0.5);
  }

  /// D: which share of what is irrelevant to the score is said to be important. BI: which share of the background is
  /// relevant, a number of the model alone.
  void distractibility(const std::vector<double>& without) {
    const double with = of_class(answers_.whole, parts_.label);
    std::vector<size_t> irrelevant;
    for (size_t i = 0; i < without.size(); ++i) {
      const bool is_left = is_irrelevant(with, without[i]);
      if (is_left) irrelevant.push_back(i);
      if (i >= count_) add(sums_, Single::kRelevantBackground, is_left ? 0 : 1);
    }
    if (irrelevant.empty()) return;
    add(sums_, ByThreshold::kDistractibility, [&](double t) {
      const auto found = std::ranges::count_if(irrelevant, [&](size_t i) { return is_important(for_label_, i, t); });
      return static_cast<double>(found) / static_cast<double>(irrelevant.size());
    });
  }

  /// TS: whether explanations for two other classes, which share different parts with the right one, lie more on the
  /// parts that are theirs. Asked only where the model itself tells these parts apart.
  void target_sensitivity() {
    const std::optional<Rivals> two = rivals(*parts_.table, parts_.label);
    if (!two) return;
    const at::Tensor scores = answers_.with_parts({all_ & ~two->shared_with_first, all_ & ~two->shared_with_second});
    const bool tells_apart = of_class(scores[0], two->first) < of_class(scores[1], two->first) &&
                             of_class(scores[1], two->second) < of_class(scores[0], two->second);
    if (!tells_apart) return;
    const Importance first = explain_(two->first);
    const Importance second = explain_(two->second);
    const auto on = [&](const Importance& explained, Parts some) {
      double sum = 0;
      for (size_t p = 0; p < count_; ++p) sum += has(some, p) ? explained.objects[p] : 0;
      return sum;
    };
    const auto add_if = [&](bool holds) { add(sums_, Single::kTargetSensitivity, holds ? 1 : 0); };
    add_if(on(first, two->shared_with_first) > on(second, two->shared_with_first));
    add_if(on(first, two->shared_with_second) < on(second, two->shared_with_second));
  }

  const PartPictures& parts_;
  const Answers& answers_;
  const Explain& explain_;
  size_t count_;  ///< of parts
  Parts all_;
  int64_t predicted_;
  Importance for_label_;
  Sums sums_ = Sums(kSums, 0.0);
};

}  // namespace

double threshold(size_t index) {
  constexpr double kFirst = 0.01;
  constexpr double kLast = 0.5;
  return kFirst + static_cast<double>(index) * ((kLast - kFirst) / (kThresholds - 1));
}

std::vector<Parts> sufficient_sets(const PartTable& table, int64_t label) {
  const size_t classes = table.variants.size();
  const auto own = static_cast<size_t>(label);
  if (own + 1 == classes) return {};
  std::vector<Parts> sets;
  for (Parts set = 1; set < Parts{1} << table.parts.size(); ++set) {
    bool sufficient = true;
    for (size_t other = 0; other < classes; ++other) {
      if (other != own && (shared(table, own, other) & set) == set) sufficient = false;
    }
    // Ascending: subsets of a set come before it.
    const bool minimal = std::ranges::none_of(sets, [&](Parts smaller) { return (smaller & set) == smaller; });
    if (sufficient && minimal) sets.push_back(set);
  }
  return sets;
}

std::optional<Rivals> rivals(const PartTable& table, int64_t label) {
  constexpr int kShared = 2;
  const auto own = static_cast<size_t>(label);
  std::vector<size_t> near;
  for (size_t other = 0; other < table.variants.size(); ++other) {
    if (std::popcount(shared(table, own, other)) == kShared && other != own) near.push_back(other);
  }
  for (size_t i = 0; i < near.size(); ++i) {
    for (size_t j = i + 1; j < near.size(); ++j) {
      const Parts first = shared(table, own, near[i]);
      const Parts second = shared(table, own, near[j]);
      if ((first & second) == 0) {
        return Rivals{static_cast<int64_t>(near[i]), static_cast<int64_t>(near[j]), first, second};
      }
    }
  }
  return std::nullopt;
}

at::Tensor grown(const at::Tensor& masks) {
  constexpr int64_t kWindow = 5;
  return at::max_pool2d(masks.to(at::kFloat), {kWindow, kWindow}, {1, 1}, {kWindow / 2, kWindow / 2});
}

Importance importance(const at::Tensor& explanation, const at::Tensor& grown_masks, const PartPictures& parts) {
  const at::Tensor pixels = explanation.to(at::kCPU, at::kDouble).sum(0).flatten();
  const std::vector<double> of_instances = numbers(at::mv(grown_masks.flatten(1).to(at::kDouble), pixels));
  Importance importance;
  importance.objects.resize(parts.table->parts.size() + static_cast<size_t>(parts.background));
  for (size_t i = 0; i < of_instances.size(); ++i) {
    importance.objects[static_cast<size_t>(parts.objects[i])] += of_instances[i];
  }
  importance.sum = pixels.sum().item<double>();
  return importance;
}

std::vector<double> measured(const PartPictures& parts, const Answers& answers, const Explain& explain) {
  return Protocol(parts, answers, explain).run();
}

double count(std::span<const double> sums, ByThreshold protocol) { return sums[place(protocol) + kThresholds]; }
double count(std::span<const double> sums, Single single) { return sums[place(single) + 1]; }

double at_threshold(std::span<const double> sums, ByThreshold protocol, size_t index) {
  const double n = count(sums, protocol);
  if (n == 0) return std::numeric_limits<double>::quiet_NaN();
  const double total = sums[place(protocol) + index];
  // The published protocol adds this to the number of pictures.
  constexpr double kTiny = 1e-8;
  return protocol == ByThreshold::kDistractibility ? 1 - total / (n + kTiny) : total / n;
}

double mean(std::span<const double> sums, Single single) {
  return count(sums, single) == 0 ? std::numeric_limits<double>::quiet_NaN()
                                  : sums[place(single)] / count(sums, single);
}

size_t best_threshold(std::span<const double> sums) {
  size_t best = 0;
  double highest = 0;
  for (size_t j = 0; j < kThresholds; ++j) {
    const auto value = [&](ByThreshold protocol) {
      return count(sums, protocol) == 0 ? 0 : at_threshold(sums, protocol, j);
    };
    const double all = (value(ByThreshold::kCsdc) + value(ByThreshold::kPc) + value(ByThreshold::kDc)) / 3 +
                       value(ByThreshold::kDistractibility);
    if (all > highest) {
      highest = all;
      best = j;
    }
  }
  return best;
}

}  // namespace legrad::eval::funnybirds
