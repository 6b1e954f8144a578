#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/text_basis.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace legrad {
namespace {

void check(const at::Tensor& contributions, const at::Tensor& texts, int64_t count) {
  const bool fit = contributions.defined() && texts.defined() && contributions.dim() == 2 && texts.dim() == 2 &&
                   contributions.size(1) == texts.size(1) && texts.numel() > 0;
  if (!fit) {
    const auto sizes = [](const at::Tensor& tensor) { return tensor.defined() ? tensor.sizes() : at::IntArrayRef{}; };
    throw InputError(c10::str("contributions of shape ", sizes(contributions), " and texts of shape ", sizes(texts),
                              "; expected [n, D] and [m, D]"));
  }
  if (contributions.size(0) < 2) throw InputError("a basis needs two images at least: one alone does not vary");
  if (count < 1) throw InputError(c10::str("a basis of ", count, " texts was asked for; give at least 1"));
  if (!at::isfinite(contributions).all().item<bool>() || !at::isfinite(texts).all().item<bool>()) {
    throw InputError("contributions or texts hold NaN or infinite numbers", Reason::kNotFinite);
  }
}

// Rows of length 1 that span the rows of a matrix.
at::Tensor span_of(const at::Tensor& rows) {
  const auto [left, values, right] = at::linalg_svd(rows, /*full_matrices=*/false);
  const double least = values.max().item<double>() * std::numeric_limits<double>::epsilon() *
                       static_cast<double>(std::max(rows.size(0), rows.size(1)));
  return right.narrow(0, 0, values.gt(least).sum().item<int64_t>());
}

at::Tensor without(const at::Tensor& rows, const at::Tensor& direction) {
  return rows - at::outer(rows.mv(direction), direction);
}

}  // namespace

double TextBasis::explained() const { return std::accumulate(shares.begin(), shares.end(), 0.0); }

TextBasis greedy_text_basis(const at::Tensor& contributions, const at::Tensor& texts, int64_t count) {
  check(contributions, texts, count);
  const auto given = contributions.detach().to(at::kCPU, at::kDouble);
  const auto span = span_of(given);
  auto left = given - given.mean(0, /*keepdim=*/true);
  auto words = texts.detach().to(at::kCPU, at::kDouble).matmul(span.t()).matmul(span);
  const double all = left.square().sum().item<double>();
  const double longest = words.norm(2, 1).max().item<double>();
  constexpr double kNothing = 1e-12;  // of the whole: no more than rounding
  TextBasis basis;
  for (int64_t i = 0; i < count && all > kNothing * given.square().sum().item<double>(); ++i) {
    const auto chosen = left.matmul(words.t()).square().sum(0).argmax().item<int64_t>();
    const double length = words[chosen].norm().item<double>();
    if (!(length > kNothing * longest)) break;
    const auto direction = words[chosen] / length;
    const double share = left.mv(direction).square().sum().item<double>() / all;
    if (!(share > kNothing)) break;
    basis.texts.push_back(chosen);
    basis.shares.push_back(share);
    left = without(left, direction);
    words = without(words, direction);
  }
  return basis;
}

}  // namespace legrad
