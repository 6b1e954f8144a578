#include "eval/controls.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

namespace legrad::eval {
namespace {

at::Tensor random_maps(const Case& seen, PatchGrid grid) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(seen.seed);
  const auto count = static_cast<int64_t>(seen.questions.size());
  return at::rand({count, grid.rows, grid.columns}, generator, at::kFloat);
}

// exp(-x² / 2σ²) at the middle of each patch along a side of length 1, x from the middle, σ = 1/4.
at::Tensor bell(int64_t patches) {
  const at::Tensor x = (at::arange(patches, at::kFloat) + 0.5) / static_cast<double>(patches) - 0.5;
  return at::exp(x * x * -8);
}

at::Tensor blobs(const Case& seen, PatchGrid grid) {
  const auto count = static_cast<int64_t>(seen.questions.size());
  return at::outer(bell(grid.rows), bell(grid.columns)).expand({count, -1, -1});
}

at::Tensor masks(const Case& seen, PatchGrid /*grid*/) {
  std::vector<at::Tensor> found;
  for (const Question& question : seen.questions) {
    found.push_back(question.mask.defined() ? question.mask.to(at::kFloat)
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
