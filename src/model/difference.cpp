#include "model/difference.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <limits>

namespace legrad::model {
namespace {

at::Tensor noise(at::IntArrayRef sizes, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn(sizes, generator);
}

}  // namespace

double tolerance(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::ScalarType::Double:
      return 1e-9;
    case c10::ScalarType::Float:
      return 1e-3;
    default:
      return 1e-1;
  }
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  const auto x = a.detach().to(at::kDouble);
  const auto y = b.detach().to(at::kDouble);
  const double scale = std::max(y.abs().max().item<double>(), 1e-30);
  return (x - y).abs().max().item<double>() / scale;
}

bool agree(const at::Tensor& a, const at::Tensor& b) { return difference(a, b) <= tolerance(b.scalar_type()); }

at::Tensor noise_like(const at::Tensor& tensor, uint64_t seed) {
  const double spread = std::max(tensor.to(at::kDouble).abs().mean().item<double>(), 1e-3);
  return (noise(tensor.sizes(), seed) * spread).to(tensor.device(), tensor.scalar_type());
}

at::Tensor fixed_cotangent(const at::Tensor& output) {
  constexpr uint64_t kSeed = 3214;
  return noise(output.sizes(), kSeed).to(output.device(), output.scalar_type());
}

}  // namespace legrad::model
