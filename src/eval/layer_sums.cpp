#include "eval/layer_sums.h"

#include <legrad/error.h>

#include <algorithm>
#include <cmath>

namespace legrad::eval {
namespace {

std::vector<double> over(std::vector<double> sums, int64_t count) {
  for (double& sum : sums) sum /= static_cast<double>(count);
  return sums;
}

}  // namespace

void LayerSums::add(const Layers& layers) {
  const size_t count = layers.share.size();
  if (pictures_ == 0) {
    share_.resize(count);
    squares_.resize(count);
    prefix_.resize(count);
  }
  if (count != share_.size() || layers.prefix.size() != count) {
    throw InputError("the evaluation's pictures have different numbers of blocks; give another folder");
  }
  OfClass& of_class = classes_[layers.asked];
  of_class.share.resize(count);
  for (size_t l = 0; l < count; ++l) {
    share_[l] += layers.share[l];
    squares_[l] += layers.share[l] * layers.share[l];
    prefix_[l] += layers.prefix[l];
    of_class.share[l] += layers.share[l];
  }
  ++pictures_;
  ++of_class.pictures;
}

std::optional<LayerTable> LayerSums::table() const {
  if (pictures_ == 0) return std::nullopt;
  LayerTable table{pictures_, over(share_, pictures_), {}, over(prefix_, pictures_), {}};
  const auto n = static_cast<double>(pictures_);
  for (size_t l = 0; l < share_.size(); ++l) {
    const double variance = n > 1 ? std::max(0.0, squares_[l] / n - table.share[l] * table.share[l]) / (n - 1) : 0;
    table.share_error.push_back(std::sqrt(variance));
  }
  for (const auto& [name, sums] : classes_) {
    table.classes.push_back({name, sums.pictures, over(sums.share, sums.pictures)});
  }
  return table;
}

}  // namespace legrad::eval
