#include "model/check_tail.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <legrad/error.h>

#include <algorithm>

#include "graph/ir/tape.h"
#include "model/difference.h"
#include "model/grad_scope.h"
#include "model/rows.h"

namespace legrad::model {

namespace {

using Rows = std::vector<int64_t>;

// How strongly the gradient of the watched rows of a tail's result leads to those rows of the context, and to others.
struct Reach {
  at::Tensor tokens;
  double own = 0;
  double others = 0;

  bool goes_to_other_tokens() const {
    constexpr double kFarLess = 1e-3;
    return own < kFarLess * others;
  }
};

Reach reach_of(const Network& network, const Network::Block& block, const at::Tensor& context, const at::Tensor& tokens,
               const Rows& watched, graph::LinearRows* known) {
  Reach reach;
  at::Tensor strength;  // of the gradient at each row of the context
  {
    const GradScope scope(true);
    const auto leaf = context.detach().clone().requires_grad_();
    const auto taped = network.run_tail(block, leaf, tokens, known);
    reach.tokens = taped.detach();
    const auto seen = select_rows(taped, 1, watched);
    strength = graph::Tape({seen}, {leaf}).pull({fixed_cotangent(seen)})[0];
  }
  strength = strength.abs().amax({0, 1, 3}).to(at::kDouble).cpu();
  reach.own = select_rows(strength, 0, watched).min().item<double>();
  for (const int64_t row : watched) strength[row] = 0;
  reach.others = strength.max().item<double>();
  return reach;
}

// Whether what `run` gives for some rows of context and tokens is the same as among all.
template <class Run>
bool same_alone(const TailOfImage& image, const Rows& rows, const at::Tensor& all, const Run& run) {
  try {
    return agree(run(select_rows(image.context, 2, rows), select_rows(image.tokens, 1, rows)),
                 select_rows(all, 1, rows));
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

TailSeen check_tail(const Network& network, const Network::Block& block, const TailOfImage& image, const Rows& rows,
                    const std::string& name) {
  const int64_t count = image.tokens.size(1);
  // Two more rows, not each other's mirror image, so that a reversed order shows.
  auto watched = rows;
  for (const int64_t row : {count / 3, count - 1}) watched.push_back(row);
  std::sort(watched.begin(), watched.end());
  watched.erase(std::unique(watched.begin(), watched.end()), watched.end());

  graph::LinearRows known(1, count, [&](const at::Tensor& all, int64_t dim) { return select_rows(all, dim, rows); });
  const auto reach = reach_of(network, block, image.context, image.tokens, watched, rows.empty() ? nullptr : &known);
  if (reach.goes_to_other_tokens()) {
    throw ModelError(name + ": its attention's rows go to other tokens than those they are of; it cannot be explained",
                     Reason::kTokensUnordered);
  }
  const bool few = !rows.empty() && reach.others == 0 && !block.layout.query_order.defined();
  TailSeen seen{reach.tokens};
  const auto run = [&](const at::Tensor& o, const at::Tensor& z) { return network.run_tail(block, o, z); };
  seen.keeps_rows = few && same_alone(image, rows, reach.tokens, run);
  const auto know = [&](const at::Tensor& o, const at::Tensor& z) {
    return network.run_tail_knowing(known, block, o, z);
  };
  seen.knows_rows = seen.keeps_rows && same_alone(image, rows, reach.tokens, know);
  return seen;
}

}  // namespace legrad::model
