#include "eval/metrics/metrics.h"

#include <limits>
#include <utility>

#include "eval/metrics/co12.h"

namespace legrad::eval {

Score mean_score(std::string name, std::string explains, bool higher_is_better, size_t first) {
  return {.name = std::move(name),
          .explains = std::move(explains),
          .higher_is_better = higher_is_better,
          .value =
              [first](std::span<const double> sums) {
                const double count = sums[first + 1];
                return count > 0 ? sums[first] / count : std::numeric_limits<double>::quiet_NaN();
              },
          .count = [first](std::span<const double> sums) { return sums[first + 1]; }};
}

std::vector<Metric> built_in_metrics(int64_t classes) {
  return {
      // Where the object is.
      pixel_ap(),
      pointing(classes),
      own_over_other(),
      segmentation(),
      energy(),
      p_miou(classes),
      // What the model needs.
      perturbation(),
      perturbation_mean(),
      perturbation_blur(),
      insertion_deletion(),
      faithfulness(),
      // What the map is like.
      complexity(),
      sensitivity(),
      // Whether it is for this model at all.
      randomisation(),
      // What parts of a creature it is for.
      co12(classes),
  };
}

}  // namespace legrad::eval
