#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace legrad::model {

/// How far two ways to the same numbers may lie apart, relative to the largest. Wrong surgery is off by much more.
double tolerance(c10::ScalarType dtype);

/// The largest difference relative to the largest number of `b`. Infinite where the shapes differ: nothing is
/// broadcast.
double difference(const at::Tensor& a, const at::Tensor& b);

/// Whether two ways to the same numbers, of one dtype, gave the same.
bool agree(const at::Tensor& a, const at::Tensor& b);

/// Noise of a tensor's shape, of its spread, the same every time for one seed.
at::Tensor noise_like(const at::Tensor& tensor, uint64_t seed);

/// A cotangent for an output, the same every time, without a symmetry that a gradient could cancel along.
at::Tensor fixed_cotangent(const at::Tensor& output);

}  // namespace legrad::model
