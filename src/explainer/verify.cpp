#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/util/StringUtil.h>
#include <legrad/error.h>
#include <legrad/verify.h>

#include "io/split_mix.h"
#include "model/difference.h"

namespace legrad {
namespace {

/// SplitMix64's k-th number, of which the highest 24 bits make one in [0, 1) that float32 holds exactly.
float uniform(uint64_t seed, uint64_t k) {
  return static_cast<float>(io::split_mixed(seed + (k + 1) * io::kSplitMixStep) >> 40) * 0x1p-24F;
}

const OutputCheck& check_of(const Bundle& bundle) {
  if (bundle.output_check) return *bundle.output_check;
  throw InputError("the manifest of model '" + bundle.name +
                   "' has no object 'check', so there is nothing to hold the model against");
}

}  // namespace

at::Tensor check_image(const Bundle& bundle, const Structure& structure) {
  const auto seed = check_of(bundle).seed;
  const auto& input = *structure.image;
  auto image = at::empty({1, input.channels, input.size.height, input.size.width}, at::kFloat);
  auto* const pixels = image.data_ptr<float>();
  for (int64_t k = 0; k < image.numel(); ++k) pixels[k] = uniform(seed, static_cast<uint64_t>(k));
  const auto by_channel = [&](const auto& numbers) {
    return at::tensor(at::ArrayRef<double>(numbers.data(), numbers.size()), at::kFloat).reshape({1, -1, 1, 1});
  };
  return (image - by_channel(bundle.preprocessing.mean)) / by_channel(bundle.preprocessing.std);
}

Verified verify(const Bundle& bundle, const Vit& vit) {
  const auto& check = check_of(bundle);
  const auto output = vit.forward(check_image(bundle, vit.structure()))[0].cpu().to(at::kDouble);
  const auto expected = at::tensor(check.output, at::kDouble);
  if (output.sizes() != expected.sizes()) {
    throw ModelError(c10::str("field 'check.output' of model '", bundle.name, "' has ", expected.numel(),
                              " numbers, the model's output ", output.numel()),
                     Reason::kDamaged);
  }
  const Verified verified{model::difference(output, expected), check.tolerance};
  if (verified.difference <= verified.allowed) return verified;  // false for NaN
  throw ModelError(c10::str("the output of model '", bundle.name, "' is off by ", verified.difference,
                            " of what its manifest says that it gave at its home, where ", verified.allowed,
                            " is allowed; load it in the dtype it was made in, or export it again"),
                   Reason::kNotReproduced);
}

}  // namespace legrad
