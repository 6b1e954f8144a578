#include "model/probe_rows.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <limits>

#include "graph/ir/tape.h"
#include "model/difference.h"
#include "model/grad_scope.h"
#include "model/probe_codes.h"

namespace legrad::model {
namespace {

using Rows = std::vector<int64_t>;
using Run = std::function<at::Tensor(const at::Tensor&)>;

class RowFinder {
 public:
  RowFinder(const Run& output_of, const at::Tensor& values, int64_t dim)
      : output_of_(output_of), values_(values), dim_(dim), output_(output_of(values)), noise_(noise_like(values, 1)) {}

  Rows find() const {
    const auto seen = with_gradient();
    Rows rows;
    Rows rest;
    for (int64_t row = 0; row < values_.size(dim_); ++row) (seen[row].item<bool>() ? rows : rest).push_back(row);
    int probes = kMostProbes;
    find_among(
        rest, [this](const Rows& some) { return changes_with(some); }, probes, rows);
    if (rows.empty()) {
      probes = kMostProbes;
      find_among(
          rest, [this](const Rows& some) { return turns_nan_with(some); }, probes, rows);
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

 private:
  static constexpr int kMostProbes = 64;

  at::Tensor with_gradient() const {
    const GradScope scope(true);
    const auto leaf = values_.detach().clone().requires_grad_();
    const auto output = output_of_(leaf);
    if (!output.requires_grad()) return at::zeros({values_.size(dim_)}, at::kBool);
    const auto gradient = graph::Tape({output}, {leaf}).pull({fixed_cotangent(output)})[0];
    return gradient.ne(0).movedim(dim_, 0).flatten(1).any(1).cpu();
  }

  at::Tensor output_with(const Rows& rows, const at::Tensor& contents) const {
    auto values = values_.clone();
    const auto places = at::tensor(rows, at::TensorOptions().dtype(at::kLong)).to(values.device());
    values.index_copy_(dim_, places, contents.index_select(dim_, places));
    return output_of_(values);
  }

  // Small and large, several times: a row that wins a maximum only now and then is met as well.
  bool changes_with(const Rows& rows) const {
    for (int64_t time = 0; time < 8; ++time) {
      const auto contents = noise_.roll(time, dim_) * (time % 2 == 0 ? 1.0 : 16.0);
      if (changed_slices(output_with(rows, contents), output_, 0).any().item<bool>()) return true;
    }
    return false;
  }

  bool turns_nan_with(const Rows& rows) const {
    const auto nan = at::full_like(values_, std::numeric_limits<double>::quiet_NaN());
    return output_with(rows, nan).isnan().any().item<bool>();
  }

  // Bisects; when the probes are used up, counts all that is left as read.
  static void find_among(const Rows& rows, const std::function<bool(const Rows&)>& matter, int& probes, Rows& found) {
    if (rows.empty()) return;
    if (probes-- > 0) {
      if (!matter(rows)) return;
      if (rows.size() > 1) {
        const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
        find_among({rows.begin(), middle}, matter, probes, found);
        find_among({middle, rows.end()}, matter, probes, found);
        return;
      }
    }
    found.insert(found.end(), rows.begin(), rows.end());
  }

  const Run& output_of_;
  const at::Tensor& values_;
  int64_t dim_;
  at::Tensor output_;
  at::Tensor noise_;
};

}  // namespace

Rows find_rows_read(const Run& output_of, const at::Tensor& values, int64_t dim) {
  return RowFinder(output_of, values, dim).find();
}

}  // namespace legrad::model
