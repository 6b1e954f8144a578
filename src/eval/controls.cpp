#include "eval/controls.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "eval/case.h"

namespace legrad::eval {
namespace {

using Indices = std::vector<int64_t>;

at::Tensor random_maps(const Case& seen, PatchGrid grid, const Indices& classes) {
  std::vector<at::Tensor> maps;
  for (const int64_t index : classes) {
    const auto generator = at::make_generator<at::CPUGeneratorImpl>(seed_of(std::to_string(index), seen.seed));
    maps.push_back(at::rand({grid.rows, grid.columns}, generator, at::kFloat));
  }
  return at::stack(maps);
}

// exp(-x² / 2σ²) at the middle of each patch along a side of length 1, x from the middle, σ = 1/4.
at::Tensor bell(int64_t patches) {
  const at::Tensor x = (at::arange(patches, at::kFloat) + 0.5) / static_cast<double>(patches) - 0.5;
  return at::exp(x * x * -8);
}

at::Tensor blobs(const Case& /*seen*/, PatchGrid grid, const Indices& classes) {
  return at::outer(bell(grid.rows), bell(grid.columns)).expand({static_cast<int64_t>(classes.size()), -1, -1});
}

at::Tensor masks(const Case& seen, PatchGrid /*grid*/, const Indices& classes) {
  std::vector<at::Tensor> found;
  for (const int64_t index : classes) {
    const auto question = std::ranges::find(seen.questions, index, &Question::index);
    const bool known = question != seen.questions.end() && question->mask.defined();
    found.push_back(known ? question->mask.to(at::kFloat)
                          : at::zeros({seen.input.size(2), seen.input.size(3)}, at::kFloat));
  }
  return at::stack(found);
}

}  // namespace

const std::vector<Control>& controls() {
  static const std::vector<Control> all = {
      {"random", "a random number for each patch", true, false, random_maps},
      {"centred_blob", "a Gaussian in the middle of the picture", false, false, blobs},
      {"mask", "the object itself: the ceiling", true, true, masks},
  };
  return all;
}

}  // namespace legrad::eval
